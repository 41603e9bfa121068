//! Pages of users in every order and direction, searches, and suggestions of names.

use std::cmp::Ordering;

use denizen_domain::fold::fold;
use denizen_domain::operator::OperatorRole;
use denizen_testkit::TestServer;
use serde_json::{Value, json};

use super::scene::{Scene, Side, refusal};

const ORDERS: [&str; 6] = ["createdAt", "name", "email", "company", "admin", "uuid"];

/// Users of whom many are equal by some order.
async fn many(side: &Side) {
    let names = ["Zoë", "ann", "Ann", "Árpád", "arpad", "Émile", "Lee O'Hara", "李小龙", "50% off", "a_b"];
    for (index, name) in names.iter().cycle().take(23).enumerate() {
        if index % 3 == 0 {
            side.org.server.advance_seconds(1);
        }
        let mut new = side.org.new_operator(name, &format!("{}{index}@Acme.example", ["b", "A"][index % 2]));
        new.company = [Some("Initech"), None, Some("initech"), Some("ACME")][index % 4].map(str::to_owned);
        new.password = None;
        side.org.make_operator(new).await;
    }
}

/// As the contract sorts: by the key, and equals by their ids, rising, whatever the direction.
fn compare(order: &str, is_descending: bool, one: &Value, other: &Value) -> Ordering {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = |user: &Value| match order {
        // Letter case and accents aside, and then as names are written.
        "name" => (fold(&text(&user["name"])), text(&user["name"])),
        "company" => (fold(&text(&user["company"])), String::new()),
        "email" => (text(&user["email"]).to_lowercase(), String::new()),
        "admin" => (user["admin"].to_string(), String::new()),
        other => (text(&user[other]), String::new()),
    };
    let by_key = key(one).cmp(&key(other));
    let by_key = if is_descending { by_key.reverse() } else { by_key };
    by_key.then_with(|| text(&one["uuid"]).cmp(&text(&other["uuid"])))
}

/// Walks the whole list with pages of a size and looks at every envelope.
async fn walk(side: &Side, query: &str, size: usize) -> Vec<Value> {
    let mut walked = Vec::new();
    for number in 0.. {
        let answer = side.admin.get(&format!("?page={number}&linesPerPage={size}&{query}")).await.expect(200);
        let mut page = answer.json();
        let content = page["content"].take();
        let content = content.as_array().unwrap();
        let total = usize::try_from(page["totalElements"].as_u64().unwrap()).unwrap();
        let pages = total.div_ceil(size);
        let sort = json!({"empty": false, "sorted": true, "unsorted": false});
        let envelope = json!({
            "content": null, "totalElements": total, "totalPages": pages, "number": number, "size": size,
            "numberOfElements": content.len(), "first": number == 0, "last": number + 1 >= pages,
            "empty": content.is_empty(), "sort": sort,
            "pageable": {"paged": true, "unpaged": false, "pageNumber": number, "pageSize": size,
                "offset": number * size, "sort": sort},
        });
        assert_eq!(page, envelope, "{answer}");
        walked.extend(content.iter().cloned());
        // One page past the end is empty.
        if number >= pages {
            assert_eq!((content.len(), walked.len()), (0, total), "{answer}");
            return walked;
        }
        assert_eq!(content.len(), size.min(total - number * size), "{answer}");
    }
    unreachable!("there are not so many numbers")
}

#[tokio::test]
async fn every_order_and_direction_is_walked_without_a_gap_or_a_double() {
    let scene = Scene::set().await;
    many(&scene.ours).await;
    for order in ORDERS {
        for (direction, is_descending) in [("ASC", false), ("desc", true)] {
            let query = format!("orderBy={order}&direction={direction}");
            let mut expected = walk(&scene.ours, &query, 1_000).await;
            assert_eq!(expected.len(), 26);
            assert_eq!(walk(&scene.ours, &query, 7).await, expected, "{query}");
            let shown = expected.clone();
            expected.sort_by(|one, other| compare(order, is_descending, one, other));
            assert_eq!(shown, expected, "{query}");
        }
    }
    let usual = scene.ours.admin.get("").await.expect(200);
    assert_eq!((usual.json()["size"].clone(), usual.json()["number"].clone()), (json!(5), json!(0)));
    let newest = scene.ours.admin.get("?orderBy=createdAt&direction=DESC&page=&linesPerPage=").await;
    assert_eq!(usual.json(), newest.expect(200).json(), "blank parameters are as none");
}

#[tokio::test]
async fn a_user_is_listed_without_bots_and_shown_with_them() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let listed = side.admin.get("?searchTerms=Ed%20Editor").await.expect(200).json();
    let editor = json!({
        "uuid": side.editor.id, "orgUUID": side.id("{orgUUID}"), "name": "Ed Editor",
        "email": side.editor.email, "company": null, "image": null, "admin": false,
        "environments": [{"role": "EDITOR", "environment": {"uuid": side.id("{environment}"), "name": "Live"}}],
        "createdAt": "2026-01-01T12:00:00.000Z", "rules": {"deletable": true},
    });
    assert_eq!(listed["content"], json!([editor]));
    let mut whole = editor.clone();
    whole["environments"][0]["bots"] = json!([{"uuid": side.id("{bot}"), "name": "Alpha"}]);
    let one = format!("/{}", side.editor.id);
    assert_eq!(side.admin.get(&one).await.expect(200).json(), whole);
    whole["rules"]["deletable"] = json!(false);
    assert_eq!(side.editor.get("/me").await.expect(200).json(), whole, "nobody deletes the own account");
    let own = side.admin.get("/me").await.expect(200).json();
    assert_eq!((&own["admin"], &own["environments"]), (&json!(true), &json!([])));
    assert_eq!(own["rules"]["deletable"], false);
}

#[tokio::test]
async fn a_search_finds_what_is_in_a_name_an_email_or_a_company_in_any_letter_case() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    many(side).await;
    let everybody = walk(side, "orderBy=uuid", 1_000).await;
    let mut found_any = 0;
    for terms in ["ANN", "é", "arpad", "initech", "ACME", "@acme", "小", "%", "_", "a", "zo", "nobody at all"]
    {
        let needle = fold(terms);
        let has = |user: &&Value| {
            ["name", "email", "company"]
                .iter()
                .any(|field| fold(user[field].as_str().unwrap_or_default()).contains(&needle))
        };
        let expected: Vec<Value> = everybody.iter().filter(has).cloned().collect();
        let escaped = percent(terms);
        for size in [4, 1_000] {
            let query = format!("orderBy=uuid&direction=ASC&searchTerms={escaped}");
            let mut found = walk(side, &query, size).await;
            found.sort_by_key(|user| user["uuid"].to_string());
            let mut expected = expected.clone();
            expected.sort_by_key(|user| user["uuid"].to_string());
            assert_eq!(found, expected, "{terms}");
            found_any += found.len();
        }
    }
    assert!(found_any > 50, "{found_any}");
    for blank in ["", "%20", "%09%20"] {
        let all = side.admin.get(&format!("?searchTerms={blank}")).await.expect(200);
        assert_eq!(all.json()["totalElements"], 26);
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

#[tokio::test]
async fn names_are_suggested_once_each_in_their_order_by_how_they_begin() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    many(side).await;
    let suggest =
        async |query: &str| side.admin.get(&format!("/quicksearch?{query}")).await.expect(200).json();
    let all = suggest("name=a&limit=100").await;
    let all: Vec<String> = all.as_array().unwrap().iter().map(|name| name.as_str().unwrap().into()).collect();
    let keys: Vec<String> = all.iter().map(|name| fold(name)).collect();
    assert!(keys.is_sorted(), "{all:?}");
    let mut distinct = all.clone();
    distinct.dedup();
    assert_eq!(distinct, all);
    assert!(all.iter().all(|name| fold(name).starts_with('a')), "{all:?}");
    assert!(all.contains(&"Ann Admin".to_owned()) && all.contains(&"a_b".to_owned()), "{all:?}");
    // In the middle of a name nothing begins.
    assert_eq!(suggest("name=admin").await, json!([]));
    assert_eq!(suggest("name=ANN%20").await, json!(["Ann Admin"]));
    assert_eq!(suggest("name=%E6%9D%8E").await, json!(["李小龙"]));
    assert_eq!(suggest("name=50%25").await, json!(["50% off"]));
    assert_eq!(suggest("name=a&limit=1").await, json!([all[0]]));
    assert_eq!(suggest("name=a").await.as_array().unwrap().len(), all.len().min(6));
    for blank in ["name=", "name=%20%09", "name=nobody"] {
        assert_eq!(suggest(blank).await, json!([]), "{blank}");
    }
    let missing = refusal(&side.admin.get("/quicksearch").await);
    assert_eq!(missing, (400, "name: is missing".to_owned()));
}

#[tokio::test]
async fn parameters_out_of_their_bounds_are_refused_all_at_once() {
    let scene = Scene::set().await;
    let admin = &scene.ours.admin;
    for (query, message) in [
        ("?page=-1", "page: must be a whole number from 0 to 2147483647"),
        ("?page=2147483648", "page: must be a whole number from 0 to 2147483647"),
        ("?page=1.0", "page: must be a whole number from 0 to 2147483647"),
        ("?page=one", "page: must be a whole number from 0 to 2147483647"),
        ("?linesPerPage=0", "linesPerPage: must be a whole number from 1 to 1000"),
        ("?linesPerPage=1001", "linesPerPage: must be a whole number from 1 to 1000"),
        ("?orderBy=createdat", "orderBy: must be one of createdAt, name, email, company, admin and uuid"),
        ("?direction=UP", "direction: must be one of ASC and DESC"),
        (
            "?page=x&direction=y",
            "page: must be a whole number from 0 to 2147483647; direction: must be one of ASC and DESC",
        ),
        ("/quicksearch?limit=0", "name: is missing; limit: must be a whole number from 1 to 100"),
        ("/quicksearch?name=a&limit=101", "limit: must be a whole number from 1 to 100"),
    ] {
        assert_eq!(refusal(&admin.get(query).await), (400, message.to_owned()), "{query}");
    }
    let far = admin.get("?page=2147483647&linesPerPage=1000").await.expect(200).json();
    assert_eq!((&far["content"], &far["last"]), (&json!([]), &json!(true)));
    assert_eq!(far["pageable"]["offset"], 2_147_483_647_000_u64);
}

#[tokio::test]
async fn lists_and_suggestions_stay_in_the_organization() {
    let server = TestServer::start().await;
    let (ours, theirs) = (Side::of(server.org("acme").await, 1).await, server.org("globex").await);
    let theirs = Side::of(theirs, 2).await;
    let secret = theirs.org.new_operator("Secret Person", "secret@globex.example");
    theirs.org.make_operator(secret).await;
    assert_eq!(walk(&ours, "searchTerms=secret", 5).await, [] as [Value; 0]);
    assert_eq!(ours.admin.get("/quicksearch?name=secret").await.expect(200).json(), json!([]));
    assert_eq!(walk(&theirs, "searchTerms=secret", 5).await.len(), 1);
    // A supervisor is no administrator.
    let environment = denizen_domain::ids::Uuid::parse(ours.id("{environment}")).unwrap();
    let supervisor = ours.org.operator(OperatorRole::Supervisor, environment, &[]).await;
    assert_eq!(refusal(&supervisor.get("").await).0, 403);
}
