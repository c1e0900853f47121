//! Audio routing groups: who hears whom beside the mixed room.

use offhook_signaling::model::{AudioRoutingGroup, AudioRoutingGroupId, CallId, Collection, RoutingMode};
use uuid::Uuid;

use super::calls::Record;
use super::{Answer, CallService, GraphError, Request};

impl CallService {
    pub(super) fn list_routing_groups(&self, call: &CallId) -> Result<Answer, GraphError> {
        let groups = self.record(call)?.routing_groups.clone();
        let context = context(call, "");
        Answer::with_body(200, &Collection { odata_context: context.into(), ..Collection::of(groups) })
    }

    pub(super) fn create_routing_group(
        &mut self,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let mut group: AudioRoutingGroup = request.read()?;
        let record = self.record_mut(call)?;
        record.need_group()?;
        check(record, &group)?;
        let id = group.id.value().cloned().unwrap_or_else(|| Uuid::new_v4().to_string().into());
        if record.routing_groups.iter().any(|held| held.id.value() == Some(&id)) {
            return Err(GraphError::bad_request(format!(
                "The call has an audio routing group {id} already."
            )));
        }
        group.id = id.clone().into();
        group.odata_type = AudioRoutingGroup::ODATA_TYPE.into();
        record.routing_groups.push(group.clone());
        let location = format!("/communications/calls/{}/audioRoutingGroups/{id}", record.id);
        Ok(shown(call, group)?.at(location))
    }

    pub(super) fn get_routing_group(&self, call: &CallId, id: &str) -> Result<Answer, GraphError> {
        let record = self.record(call)?;
        shown(call, record.routing_groups[place(record, id)?].clone())
    }

    /// Changes what the body says, as long as the mode stays.
    pub(super) fn change_routing_group(
        &mut self,
        call: &CallId,
        id: &str,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let change: AudioRoutingGroup = request.read()?;
        let record = self.record_mut(call)?;
        let place = place(record, id)?;
        let held = record.routing_groups[place].clone();
        let mut changed = held.clone();
        changed.update_from(&change);
        if changed.id != held.id {
            return Err(GraphError::bad_request("The property id cannot be changed."));
        }
        check(record, &changed)?;
        record.routing_groups[place] = changed.clone();
        shown(call, changed)
    }

    pub(super) fn remove_routing_group(&mut self, call: &CallId, id: &str) -> Result<Answer, GraphError> {
        let record = self.record_mut(call)?;
        let place = place(record, id)?;
        record.routing_groups.remove(place);
        Ok(Answer::empty(204))
    }
}

fn context(call: &CallId, rest: &str) -> String {
    format!(
        "https://graph.microsoft.com/v1.0/$metadata#communications/calls('{call}')/audioRoutingGroups{rest}"
    )
}

fn shown(call: &CallId, group: AudioRoutingGroup) -> Result<Answer, GraphError> {
    Answer::with_body(200, &AudioRoutingGroup { odata_context: context(call, "/$entity").into(), ..group })
}

fn place(record: &Record, id: &str) -> Result<usize, GraphError> {
    let wanted = AudioRoutingGroupId::from(id);
    let place = record.routing_groups.iter().position(|group| group.id.value() == Some(&wanted));
    place.ok_or_else(|| GraphError::not_found(format!("The call has no audio routing group {id}.")))
}

/// A group has a mode, one source, and receivers: one, or with multicast any number. All of them are in the call.
fn check(record: &Record, group: &AudioRoutingGroup) -> Result<(), GraphError> {
    let mode = group.routing_mode.known();
    if !matches!(mode, Some(RoutingMode::OneToOne | RoutingMode::Multicast)) {
        return Err(GraphError::bad_request("The property routingMode must be oneToOne or multicast."));
    }
    if group.sources.items().len() != 1 {
        return Err(GraphError::bad_request("The property sources must name one participant."));
    }
    if group.receivers.items().is_empty() {
        return Err(GraphError::missing("receivers"));
    }
    let stranger = group.sources.items().iter().chain(group.receivers.items());
    if let Some(stranger) = stranger.into_iter().find(|id| record.roster.by_id(id).is_none()) {
        return Err(GraphError::bad_request(format!("{stranger} is not in the call.")));
    }
    Ok(())
}
