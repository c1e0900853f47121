//! What a cloud lacks is not asked of it, and the reason is said.

use offhook_signaling::{Cloud, CloudFeature, OperationKind};

use super::actions::body_of_answer;
use super::every::every;
use crate::support::{Ask, Graph, answer, client, new_call};

#[tokio::test(start_paused = true)]
async fn a_request_that_a_cloud_lacks_is_refused_with_the_reason() {
    let cloud = Cloud::us_government_l4();
    let mut refused = 0;
    for row in every() {
        let graph = Graph::new();
        graph.next(row.ask(), answer(row.status, body_of_answer(&row)));
        let client = client(&graph).cloud(cloud.clone()).build().unwrap();
        let outcome = (row.send)(&client).await;
        let with_options = row.request == Some("call-answer.request");
        let with_transferee = row.request == Some("call-transfer.ex05.request");
        let lacking = if with_options {
            cloud.lacks(CloudFeature::AnswerCallOptions)
        } else if with_transferee {
            cloud.lacks(CloudFeature::Transferee)
        } else {
            cloud.lacks(row.kind.cloud_feature())
        };
        match lacking {
            Some(reason) => {
                refused += 1;
                assert_eq!(outcome.unwrap_err().to_string(), format!("not sent: {reason}"), "{}", row.kind);
                assert_eq!(graph.count(row.ask()), 0);
            }
            None => drop(outcome.unwrap()),
        }
    }
    assert_eq!(refused, 11);
}

#[tokio::test(start_paused = true)]
async fn call_options_and_capacity_are_refused_only_when_they_are_asked_for() {
    let graph = Graph::new();
    let client = client(&graph).cloud(Cloud::us_government_l5()).build().unwrap();
    let error = client.create_call(new_call().delta_roster(false)).await.unwrap_err();
    assert!(error.to_string().contains("callOptions"), "{error}");
    client.create_call(new_call()).await.unwrap();
    let answer = offhook_signaling::Answer::new().callback_uri("https://bot/").service_hosted_media();
    let error = client.answer(&"call-1".into(), answer.clone().participant_capacity(1)).await.unwrap_err();
    assert!(error.to_string().contains("participantCapacity"), "{error}");
    client.answer(&"call-1".into(), answer).await.unwrap();
    assert_eq!((graph.count(Ask::Create), graph.count(Ask::Act)), (1, 1));
}

#[test]
fn the_table_says_which_part_of_the_api_a_request_is() {
    assert_eq!(OperationKind::SendDtmfTones.cloud_feature(), CloudFeature::SendDtmfTones);
    assert_eq!(OperationKind::Mute.cloud_feature(), CloudFeature::Calls);
}
