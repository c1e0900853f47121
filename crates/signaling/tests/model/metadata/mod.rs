//! The models against Graph's own metadata: whatever it declares for calls, a model has, under its name and of its kind.

mod csdl;
mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use offhook_signaling::model::{
    CallOptions, Identity, IdentitySet, InitiatorType, TeleconferenceDeviceMediaQuality,
};

use self::csdl::Schema;
use self::rows::Check;

fn metadata() -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/graph-metadata");
    fs::read_to_string(folder.join("calls.v1.0.csdl.xml")).unwrap()
}

/// What the models lack of this metadata, and rows of the table that are about nothing.
fn differences(csdl: &str) -> Vec<String> {
    let schema = Schema::read(csdl);
    let mut found = Vec::new();
    structures(&schema, &mut found);
    enumerations(&schema, &mut found);
    actions(&schema, &mut found);
    for (name, _) in rows::NOT_MODELLED {
        if !schema.structures.contains_key(*name) && !schema.enumerations.contains_key(*name) {
            found.push(format!("{name} needs no exception: the metadata has no such type"));
        }
    }
    found
}

fn structures(schema: &Schema, found: &mut Vec<String>) {
    let rows: BTreeMap<&str, Check> = rows::STRUCTURES.iter().copied().collect();
    for (name, structure) in &schema.structures {
        if is_exception(name) {
            continue;
        }
        let Some(check) = rows.get(name.as_str()) else {
            found.push(format!("{name} has no model"));
            continue;
        };
        let sample = schema.sample(name);
        // What stands for the base must know the subtype, too: that is where the wire has it.
        let base = structure.base.as_deref().and_then(|base| rows.get(base));
        for check in [Some(check), base].into_iter().flatten() {
            if let Err(wrong) = check(&sample) {
                found.push(format!("{name}: its model {wrong}"));
            }
        }
    }
    let stale = rows.keys().filter(|name| !schema.structures.contains_key(**name));
    found.extend(stale.map(|name| format!("{name} is no type of the metadata")));
}

fn enumerations(schema: &Schema, found: &mut Vec<String>) {
    let rows: BTreeMap<_, _> = rows::enumerations().into_iter().collect();
    for (name, members) in schema.enumerations.iter().filter(|(name, _)| !is_exception(name)) {
        match rows.get(name.as_str()) {
            Some(has) => found.extend(
                members
                    .iter()
                    .filter(|member| !has(member))
                    .map(|member| format!("{name} has no member {member}")),
            ),
            None => found.push(format!("{name} has no model")),
        }
    }
    let stale = rows.keys().filter(|name| !schema.enumerations.contains_key(**name));
    found.extend(stale.map(|name| format!("{name} is no enumeration of the metadata")));
}

fn actions(schema: &Schema, found: &mut Vec<String>) {
    let rows: BTreeMap<&str, Check> = rows::ACTIONS.iter().copied().collect();
    for action in &schema.actions {
        match rows.get(action.name.as_str()).map(|check| check(&schema.sample_body(action))) {
            Some(Ok(())) => {}
            Some(Err(wrong)) => found.push(format!("{}: its body {wrong}", action.name)),
            None => found.push(format!("{} has no body", action.name)),
        }
        if let Some(returned) = action.returns.as_ref().filter(|name| !schema.structures.contains_key(*name))
        {
            found.push(format!("{} returns {returned}, which the metadata does not declare", action.name));
        }
    }
    let stale = rows.keys().filter(|name| !schema.actions.iter().any(|action| action.name == **name));
    found.extend(stale.map(|name| format!("{name} is no action of the metadata")));
}

fn is_exception(name: &str) -> bool {
    rows::NOT_MODELLED.iter().any(|(exception, _)| *exception == name)
}

#[test]
fn the_models_have_whatever_the_metadata_declares() {
    let schema = Schema::read(&metadata());
    // Guards the comparison: were nothing read, nothing would be missing.
    assert_eq!((schema.structures.len(), schema.enumerations.len(), schema.actions.len()), (79, 22, 20));
    assert_eq!(differences(&metadata()), Vec::<String>::new());
}

#[test]
fn whatever_is_added_to_the_metadata_is_missed() {
    let before = |known: &str, added: &str| {
        let csdl = metadata();
        assert!(csdl.contains(known), "{known} is not in the metadata");
        differences(&csdl.replacen(known, &format!("{added}{known}"), 1)).join("\n")
    };
    let novelty = r#"<Property Name="novelty" Type="Edm.String" />"#;
    let missed = before(
        r#"<Property Name="tenantId" Type="Edm.String" />
    <Property Name="toneInfo""#,
        novelty,
    );
    assert!(missed.contains("call: its model has no /novelty"), "{missed}");
    let missed = before(r#"<Property Name="recordingAccessToken""#, novelty);
    assert!(missed.contains("recordOperation: its model has no /novelty"), "{missed}");
    let missed = before(r#"<Property Name="blob" "#, novelty);
    assert!(missed.contains("answer: its body has no /mediaConfig/novelty"), "{missed}");
    let missed = before(r#"<Member Name="hold" "#, r#"<Member Name="novelty" Value="2" />"#);
    assert_eq!(missed, "callState has no member novelty");
    let missed = before(r#"<Parameter Name="tones" "#, r#"<Parameter Name="novelty" Type="Edm.Int32" />"#);
    assert_eq!(missed, "sendDtmfTones: its body has no /novelty");
    let missed = before("<Action ", r#"<Action Name="novelty" IsBound="true" />"#);
    assert_eq!(missed, "novelty has no body");
    let missed = before("<ComplexType ", r#"<ComplexType Name="novelty" />"#);
    assert_eq!(missed, "novelty has no model");
    let missed = before("<EnumType ", r#"<EnumType Name="novelty" />"#);
    assert_eq!(missed, "novelty has no model");
    let missed =
        before("<ComplexType ", r#"<ComplexType Name="novelMediaConfig" BaseType="graph.mediaConfig" />"#);
    assert!(missed.contains("novelMediaConfig has no model"), "{missed}");
}

#[test]
fn a_property_of_another_kind_is_missed() {
    let csdl = metadata().replace(
        r#"<Property Name="isMuted" Type="Edm.Boolean""#,
        r#"<Property Name="isMuted" Type="Edm.Int32""#,
    );
    let missed = differences(&csdl).join("\n");
    assert!(missed.contains("participant: its model has no /isMuted"), "{missed}");
}

#[test]
fn constructors_name_subtypes_of_the_metadata() {
    let schema = Schema::read(&metadata());
    for odata_type in [
        CallOptions::outgoing().odata_type,
        CallOptions::incoming().odata_type,
        Identity::of_user("1", "2").odata_type,
        Identity::of_application("1").odata_type,
        Identity::of_application_instance("1").odata_type,
        Identity::of_guest("1").odata_type,
        Identity::of_phone("+1").odata_type,
        Identity::of_encrypted("1").odata_type,
        Identity::of_azure_communication_services_user("1").odata_type,
        Identity::of_initiator("1", InitiatorType::User).odata_type,
        IdentitySet::user("1").as_communications().odata_type,
    ] {
        let name = odata_type.as_str().and_then(|name| name.strip_prefix("#microsoft.graph.")).unwrap();
        assert!(schema.structures.contains_key(name), "{name}");
    }
    // Its subtypes are on the pages only.
    let kinds = [
        TeleconferenceDeviceMediaQuality::audio(),
        TeleconferenceDeviceMediaQuality::video(),
        TeleconferenceDeviceMediaQuality::screen_sharing(),
    ];
    let names = kinds.map(|kind| {
        kind.odata_type.into_value().unwrap().split_off("#microsoft.graph.teleconferenceDevice".len())
    });
    assert_eq!(names, ["AudioQuality", "VideoQuality", "ScreenSharingQuality"]);
}
