//! Environments and bots: as records, and as they are listed. Finding operators.

use denizen_directory::operators::{AccessInput, EnvironmentInput, NewOperator, Welcome};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole;
use denizen_testkit::{TestCaller, TestServer};
use serde_json::{Value, json};

use crate::records::{changed, results, words};
use crate::wire::lines;

const LIVE: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const OLD: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3302";
const NOWHERE: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3309";

fn bot_id(number: u64) -> String {
    format!("3f2504e0-4f89-41d3-9a0d-{number:012x}")
}

/// One record of each type with every field, and one of each with those only that it needs.
fn records() -> [Value; 4] {
    [
        json!({"type": "environment", "environment_id": LIVE, "name": " Live ", "is_active": true}),
        json!({"type": "environment", "environment_id": OLD, "name": "Old"}),
        json!({"type": "bot", "bot_id": bot_id(1), "environment_id": LIVE.to_uppercase(), "name": "Sales",
            "image_url": "https://pictures.example/sales.png", "is_active": false}),
        json!({"type": "bot", "bot_id": bot_id(2), "environment_id": OLD, "name": "Help"}),
    ]
}

async fn admin() -> TestCaller {
    TestServer::start().await.org("acme").await.admin().await
}

async fn ingest(caller: &TestCaller, records: &[Value]) -> Vec<Value> {
    results(caller.ingest(lines(records)).await.expect(200).lines())
}

#[tokio::test]
async fn environments_and_bots_are_what_their_records_say_and_the_same_again_changes_nothing() {
    let admin = admin().await;
    let first = ingest(&admin, &records()).await;
    assert_eq!(words(&first), ["created"; 4]);
    let ids: Vec<_> = first.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [LIVE, OLD, &bot_id(1), &bot_id(2)]);
    admin.server.advance_seconds(60);
    assert_eq!(words(&ingest(&admin, &records()).await), ["unchanged"; 4]);

    let environments = admin.admin("GET", "/environments", None).await.expect(200).json();
    let noon = "2026-01-01T12:00:00Z";
    let made = environments["environments"][0]["created_at"].clone();
    assert!(made.as_str().unwrap() > noon || made == noon, "{made}");
    let environment = |id: &str, name: &str| json!({"environment_id": id, "name": name, "is_active": true, "created_at": made, "updated_at": made});
    let expected =
        json!({"environments": [environment(LIVE, "Live"), environment(OLD, "Old")], "has_more": false});
    assert_eq!(environments, expected);
    let bots = admin.admin("GET", "/bots", None).await.expect(200).json();
    let expected = json!({"bots": [
        {"bot_id": bot_id(1), "environment_id": LIVE, "name": "Sales", "is_active": false,
         "image_url": "https://pictures.example/sales.png", "created_at": made, "updated_at": made},
        {"bot_id": bot_id(2), "environment_id": OLD, "name": "Help", "is_active": true, "image_url": null,
         "created_at": made, "updated_at": made},
    ], "has_more": false});
    assert_eq!(bots, expected);
    admin.server.assert_consistent().await;
}

#[tokio::test]
async fn a_record_replaces_the_whole_one_but_for_the_time_of_its_creation() {
    let admin = admin().await;
    ingest(&admin, &records()).await;
    admin.server.advance_seconds(60);
    let changes = [
        json!({"type": "environment", "environment_id": LIVE, "name": "Live", "is_active": false}),
        json!({"type": "environment", "environment_id": LIVE, "name": "Alive"}),
        json!({"type": "bot", "bot_id": bot_id(1), "environment_id": LIVE, "name": "Sales", "image_url": null}),
        json!({"type": "bot", "bot_id": bot_id(1), "environment_id": LIVE, "name": "Sales", "is_active": null}),
    ];
    assert_eq!(words(&ingest(&admin, &changes).await), ["updated", "updated", "updated", "unchanged"]);
    let environments = admin.admin("GET", "/environments", None).await.json();
    let [live, old] = [0, 1].map(|at| environments["environments"][at].clone());
    assert_eq!((&live["name"], &live["is_active"]), (&json!("Alive"), &json!(true)));
    assert_eq!(live["created_at"], old["created_at"]);
    assert_ne!(live["updated_at"], old["updated_at"]);
    let bot = admin.admin("GET", "/bots", None).await.json()["bots"][0].clone();
    assert_eq!((&bot["image_url"], &bot["is_active"]), (&Value::Null, &json!(true)));
    assert_ne!(bot["updated_at"], bot["created_at"]);
}

#[tokio::test]
async fn a_record_of_the_registry_that_cannot_be_taken_in_is_refused_with_its_place_and_harms_no_other() {
    let admin = admin().await;
    let [live, _, sales, _] = records();
    let of = |record: &Value, field: &str, value: Value| changed(record.clone(), field, value);
    let without = |field: &str| {
        let mut record = sales.clone();
        record.as_object_mut().unwrap().remove(field);
        record.to_string()
    };
    let (long, longer) = ("x".repeat(256), "x".repeat(10_001));
    let cases = [
        (of(&live, "environment_id", "live".into()), "environment_id", "must be a UUID"),
        (of(&live, "name", " ".into()), "name", "empty"),
        (of(&live, "name", long.as_str().into()), "name", "255"),
        (of(&live, "name", "a\u{0}".into()), "name", ""),
        (of(&live, "is_active", "yes".into()), "is_active", "true or false"),
        (of(&live, "bot_id", bot_id(1).into()), "bot_id", "unknown field"),
        (of(&sales, "environment_id", NOWHERE.into()), "environment_id", "There is no such environment"),
        (of(&sales, "bot_id", 7.into()), "bot_id", "must be a UUID"),
        (of(&sales, "name", "".into()), "name", "empty"),
        (of(&sales, "name", long.as_str().into()), "name", "255"),
        (of(&sales, "image_url", longer.as_str().into()), "image_url", "10000"),
        (without("environment_id"), "environment_id", "is missing"),
        (without("bot_id"), "bot_id", "is missing"),
        (without("name"), "name", "is missing"),
    ];
    let mut body: String = cases.iter().flat_map(|(line, _, _)| [line.as_str(), "\n"]).collect();
    body += &lines(&[live.clone(), sales.clone()]);
    let answers = results(admin.ingest(body).await.expect(200).lines());
    for (answer, (line, field, message)) in answers.iter().zip(&cases) {
        assert_eq!(answer["result"], "refused", "{line}");
        let problem = &answer["problem"];
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&json!("invalid_field"), &json!([field])),
            "{line} {problem}"
        );
        assert!(problem["message"].as_str().unwrap().contains(message), "{line} {problem}");
    }
    assert_eq!(words(&answers)[cases.len()..], ["created"; 2]);
}

#[tokio::test]
async fn a_bot_comes_after_its_environment_and_stays_in_it() {
    let admin = admin().await;
    let [live, old, sales, help] = records();
    let early = [help.clone(), live, old, help, sales.clone()];
    assert_eq!(words(&ingest(&admin, &early).await), ["refused", "created", "created", "created", "created"]);
    let mut moved = sales.clone();
    moved["environment_id"] = OLD.into();
    let answer = ingest(&admin, &[moved]).await[0].clone();
    assert_eq!(answer["problem"]["field"], json!(["environment_id"]));
    assert!(answer["problem"]["message"].as_str().unwrap().contains("stays there"), "{answer}");
}

#[tokio::test]
async fn who_may_not_change_operators_does_not_change_what_they_reach() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let admin = org.admin().await;
    ingest(&admin, &records()).await;
    let platform =
        org.caller_with(&json!([{"permission_name": "Directory:IngestRecords", "conditions": {}}])).await;
    // What says nothing new asks for nothing.
    assert_eq!(words(&ingest(&platform, &records()).await), ["unchanged"; 4]);
    let changes = [
        json!({"type": "environment", "environment_id": LIVE, "name": "Live", "is_active": false}),
        json!({"type": "environment", "environment_id": NOWHERE, "name": "New"}),
        json!({"type": "bot", "bot_id": bot_id(2), "environment_id": OLD, "name": "Help", "is_active": false}),
        json!({"type": "bot", "bot_id": bot_id(3), "environment_id": OLD, "name": "New"}),
    ];
    for answer in ingest(&platform, &changes).await {
        assert_eq!(answer["problem"]["code"], "forbidden", "{answer}");
        assert!(
            answer["problem"]["message"].as_str().unwrap().contains("Directory:WriteOperator"),
            "{answer}"
        );
    }
    assert_eq!(words(&ingest(&admin, &records()).await), ["unchanged"; 4]);
}

#[tokio::test]
async fn operators_are_found_by_name_address_and_company_and_shown_with_what_is_active_of_what_they_reach() {
    let server = TestServer::start().await;
    let (org, other) = (server.org("acme").await, server.org("globex").await);
    let admin = org.admin().await;
    ingest(&admin, &records()).await;
    let add = async |name: &str, email: &str, company: Option<&str>, environments: Vec<EnvironmentInput>| {
        let new = NewOperator {
            name: name.to_owned(),
            email: email.to_owned(),
            company: company.map(str::to_owned),
            image: None,
            access: AccessInput { is_admin: environments.is_empty(), environments },
            password: None,
        };
        let made = server.directory().create_operator_for("acme", new, Welcome::Silent).await.unwrap();
        made.operator.id().to_string()
    };
    let guid = |text: &str| Uuid::parse(text);
    let reach = |environment: &str| EnvironmentInput {
        role: OperatorRole::Supervisor,
        environment: guid(environment),
        bots: Vec::new(),
    };
    let zoe = add("Zoë Ann", "z@acme.example", Some("Blue Harbour"), vec![reach(LIVE), reach(OLD)]).await;
    let bea = add("Bea", "annis@acme.example", None, Vec::new()).await;
    let found = async |query: &str| {
        let answer = admin.admin("GET", &format!("/operators?query={query}"), None).await.expect(200);
        answer.each("operators", "operator_id")
    };
    for (query, expected) in [
        ("zoe", vec![&zoe]),
        ("HARBOUR", vec![&zoe]),
        ("ann", vec![&bea, &zoe]),
        ("%20", vec![&bea, &zoe]),
        ("nobody", vec![]),
    ] {
        assert_eq!(found(query).await, expected.into_iter().cloned().collect::<Vec<_>>(), "{query}");
    }
    let one = admin.admin("GET", "/operators?query=ann&limit=1", None).await.expect(200).json();
    assert_eq!((&one["total"], &one["operators"][0]["role"]), (&json!(2), &json!("admin")));
    let shown =
        async || admin.admin("GET", "/operators?query=zoe", None).await.json()["operators"][0].clone();
    let before = shown().await;
    assert_eq!((&before["email"], &before["company"]), (&json!("z@acme.example"), &json!("Blue Harbour")));
    let live = json!({"environment_id": LIVE, "name": "Live"});
    let old = json!({"environment_id": OLD, "name": "Old"});
    assert_eq!((&before["role"], &before["environments"]), (&json!("supervisor"), &json!([live, old])));
    // What is not active any more is gone with the answer to its line, and comes back.
    for (is_active, expected) in [(false, json!([live])), (true, json!([live, old]))] {
        let change =
            json!({"type": "environment", "environment_id": OLD, "name": "Old", "is_active": is_active});
        assert_eq!(words(&ingest(&admin, &[change]).await), ["updated"]);
        assert_eq!(shown().await["environments"], expected);
    }
    for wrong in ["/operators", "/operators?query=a&limit=0", "/operators?query=a&limit=101"] {
        admin.admin("GET", wrong, None).await.expect(422);
    }
    let stranger = other.admin().await.admin("GET", "/operators?query=ann", None).await;
    assert_eq!(stranger.json(), json!({"operators": [], "total": 0}));
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_bots_by_their_environment() {
    let server = TestServer::start().await;
    let (org, other) = (server.org("acme").await, server.org("globex").await);
    let admin = org.admin().await;
    let [live, old, ..] = records();
    let bot = |number: u64| {
        let environment = if number.is_multiple_of(2) { LIVE } else { OLD };
        json!({"type": "bot", "bot_id": bot_id(number), "environment_id": environment, "name": "A bot"})
    };
    let mut all = vec![live, old];
    all.extend((0..7).rev().map(bot));
    ingest(&admin, &all).await;

    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin.admin("GET", &format!("/bots?limit=3{after}"), None).await.expect(200);
        let ids = page.each("bots", "bot_id");
        after = format!("&after={}", ids.last().unwrap());
        pages.push(ids);
        if page.json()["has_more"] == json!(false) {
            break;
        }
    }
    let numbered = |numbers: &[u64]| numbers.iter().map(|number| bot_id(*number)).collect::<Vec<_>>();
    assert_eq!(pages, [numbered(&[0, 1, 2]), numbered(&[3, 4, 5]), numbered(&[6])]);
    let of_one = admin.admin("GET", &format!("/bots?environment_id={OLD}&limit=3"), None).await.expect(200);
    assert_eq!(of_one.each("bots", "bot_id"), numbered(&[1, 3, 5]));
    assert_eq!(of_one.json()["has_more"], json!(false));
    let second = admin.admin("GET", &format!("/environments?limit=1&after={LIVE}"), None).await.expect(200);
    assert_eq!(second.each("environments", "environment_id"), [OLD]);
    let first = admin.admin("GET", "/environments?limit=1", None).await.expect(200).json();
    assert_eq!(first["has_more"], json!(true));

    let nowhere = admin.admin("GET", &format!("/bots?environment_id={NOWHERE}"), None).await.expect(404);
    assert_eq!(nowhere.json()["code"], "environment_not_found");
    for wrong in ["/bots?environment_id=x", "/bots?after=x", "/bots?limit=0", "/environments?limit=1001"] {
        admin.admin("GET", wrong, None).await.expect(422);
    }
    // Another organization has none of them.
    let stranger = other.admin().await;
    assert_eq!(stranger.admin("GET", "/bots", None).await.json(), json!({"bots": [], "has_more": false}));
    stranger.admin("GET", &format!("/bots?environment_id={OLD}"), None).await.expect(404);
}
