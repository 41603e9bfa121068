//! What belongs to another organization is like what never was.

use serde_json::json;

use super::cases::CASES;
use super::scene::{Scene, send};

#[tokio::test]
async fn ids_of_another_organization_are_answered_like_ids_that_never_were() {
    strange_ids_are_unknown(Scene::set().await).await;
}

#[tokio::test]
async fn the_same_of_an_organization_in_another_cluster() {
    strange_ids_are_unknown(Scene::set_far().await).await;
}

async fn strange_ids_are_unknown(scene: Scene) {
    let headers = [("authorization", scene.theirs.program.token.as_str())];
    let before = (scene.ours.state().await, scene.theirs.state().await);
    let unknown = [
        ("{userId}", "01234567-89ab-4def-8123-456789abcdef"),
        ("{customAttributeId}", "01234567-89ab-4def-8123-456789abcdef"),
        ("{requestId}", "01234567-89ab-4def-8123-456789abcdef"),
        ("{messageId}", "01234567-89ab-4def-8123-456789abcdef"),
        ("{conversationId}", "7"),
    ];
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in (denizen_http::dixa::dialect().operations)() {
        let case = CASES.iter().find(|case| case.id == operation.id).unwrap();
        for (method, path) in operation.places() {
            for (param, unknown) in unknown.iter().filter(|(param, _)| path.contains(param)) {
                let place = (method.as_str(), path);
                let things = scene.theirs.things_with(param, &scene.ours.things[param]);
                let answer = send(&scene.server, case, place, &things, &headers).await;
                let things = scene.theirs.things_with(param, unknown);
                let expected = send(&scene.server, case, place, &things, &headers).await;
                tried += 1;
                if (answer.status, &answer.body) != (404, &expected.body) {
                    faults.push(format!("{param}: {answer}, but {expected}"));
                }
            }
        }
    }
    assert_eq!(tried, 26);
    assert_eq!(faults, [""; 0], "{faults:#?}");
    assert_eq!((scene.ours.state().await, scene.theirs.state().await), before);
}

#[tokio::test]
async fn ids_of_another_organization_in_a_body_are_unknown_too() {
    let scene = Scene::set().await;
    let (program, ours) = (&scene.theirs.program, &scene.ours.things);
    let before = scene.ours.state().await;
    let items = json!({"data": [{"id": ours["{userId}"], "displayName": "Stolen"}]});
    for answer in [program.patch("/v1/endusers", &items).await, program.put("/v1/endusers", &items).await] {
        assert_eq!(answer.expect(200).str_at("/data/0/error/_type"), "NotFound");
    }
    for (kind, id) in [
        ("User", ours["{userId}"].clone()),
        ("Conversation", ours["{conversationId}"].clone()),
        ("Message", format!("{}_{}", ours["{conversationId}"], ours["{messageId}"])),
    ] {
        program.post("/v1/anonymization", &json!({"entityId": id, "_type": kind})).await.expect(404);
    }
    let own = format!("/v1/endusers/{}/custom-attributes", scene.theirs.things["{userId}"]);
    let foreign = json!({ours["{customAttributeId}"].clone(): "gold"});
    let unknown = json!({"01234567-89ab-4def-8123-456789abcdef": "gold"});
    let (foreign, unknown) = (program.patch(&own, &foreign).await, program.patch(&own, &unknown).await);
    let id = |text: &str| text.replace(&ours["{customAttributeId}"], "01234567-89ab-4def-8123-456789abcdef");
    assert_eq!((foreign.status, id(foreign.text())), (400, unknown.text().to_owned()));
    assert_eq!(scene.ours.state().await, before);
}

#[tokio::test]
async fn lists_filters_and_links_stay_in_the_tokens_organization() {
    let scene = Scene::set().await;
    let program = &scene.theirs.program;
    for path in ["/v1/endusers?email=ann%40acme.example", "/v1/endusers?externalId=a2"] {
        assert_eq!(program.get(path).await.expect(200).json(), json!({"data": []}), "{path}");
    }
    let found = program.get("/v1/endusers?externalId=a1").await.expect(200);
    assert_eq!(found.each("data", "id"), [scene.theirs.things["{userId}"].clone()]);
    // A link of one organization is only a position in the other one.
    let ours = scene.ours.program.get("/v1/endusers?pageLimit=1").await.expect(200);
    let next = ours.str_at("/meta/next");
    let next = next.split_once("/v1/").unwrap().1;
    let all = program.get("/v1/endusers").await.expect(200).each("data", "id");
    let answer = program.get(&format!("/v1/{next}")).await.expect(200);
    assert!(answer.each("data", "id").iter().all(|id| all.contains(id)), "{answer}");
    assert_eq!(program.get("/v1/organization").await.str_at("/data/subdomain"), "globex");
}
