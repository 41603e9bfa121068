//! From page to page, on and back, with links that are followed as they stand.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use denizen_testkit::{Answer, TestProgram, TestServer};
use serde_json::{Value, json};

use super::scene::{closed_conversation, program, refusal, server_with, take_in};

async fn make(program: &TestProgram, names: &[String], external_id: Option<&str>) {
    let item = |name: &String| json!({"displayName": name, "externalId": external_id});
    let items: Vec<Value> = names.iter().map(item).collect();
    program.post("/v1/endusers/bulk", &json!({"data": items})).await.expect(201);
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user {number:03}")).collect()
}

/// The target of a link, which has to begin like this.
fn target(answer: &Answer, link: &str, origin: &str) -> Option<String> {
    let json = answer.json();
    let link = json["meta"].get(link)?.as_str().unwrap_or_else(|| panic!("{answer}"));
    let target = link.strip_prefix(origin).unwrap_or_else(|| panic!("{link}"));
    assert!(target.starts_with('/'), "{link}");
    Some(target.to_owned())
}

/// Every page from a first one on, by links in one direction.
async fn walk(program: &TestProgram, first: &str, link: &str) -> Vec<Answer> {
    let mut pages = vec![program.get(first).await.expect(200)];
    while let Some(next) = target(pages.last().unwrap(), link, "http://127.0.0.1:8080") {
        pages.push(program.get(&next).await.expect(200));
        assert!(pages.len() < 1_000, "a circle");
    }
    pages
}

fn shown(pages: &[Answer]) -> Vec<String> {
    pages.iter().flat_map(|page| page.each("data", "displayName")).collect()
}

#[tokio::test]
async fn links_lead_through_all_of_a_list_and_back_without_an_empty_page() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    let all = names(12);
    make(&program, &all[..7], None).await;
    server.advance_seconds(1);
    make(&program, &all[7..], None).await;
    for (size, count) in [(1, 12), (4, 3), (5, 3), (11, 2), (12, 1), (1_000, 1), (2_000_000_000, 1)] {
        let forth = walk(&program, &format!("/v1/endusers?pageLimit={size}"), "next").await;
        assert_eq!((forth.len(), shown(&forth)), (count, all.clone()), "{size}");
        assert!(forth[0].json()["meta"]["previous"].is_null());
        if count == 1 {
            assert!(forth[0].json().get("meta").is_none(), "{}", forth[0]);
            continue;
        }
        let Some(back) = target(&forth[count - 1], "previous", "http://127.0.0.1:8080") else {
            panic!("{}", forth[count - 1])
        };
        let mut pages = walk(&program, &back, "previous").await;
        pages.reverse();
        let before: Vec<String> = shown(&pages);
        assert_eq!(before, all[..all.len() - forth[count - 1].each("data", "id").len()], "{size}");
        assert!(pages[0].json()["meta"]["next"].is_string(), "the way back begins at the first page again");
    }
}

#[tokio::test]
async fn a_page_has_fifty_unless_it_is_asked_otherwise_and_no_more_than_a_thousand() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    make(&program, &names(1_000), None).await;
    make(&program, &names(1), None).await;
    let count = async |path: &str| program.get(path).await.expect(200).each("data", "id").len();
    assert_eq!(count("/v1/endusers").await, 50);
    assert_eq!(count("/v1/endusers?pageLimit=10000").await, 1_000);
    assert_eq!(count("/v1/endusers?pageLimit=3&pageLimit=7").await, 7, "the last one counts");
    let next =
        target(&program.get("/v1/endusers?pageLimit=3").await, "next", "http://127.0.0.1:8080").unwrap();
    assert_eq!(count(&next).await, 3, "the size goes on with the key");
    assert_eq!(count(&format!("{next}&pageLimit=8")).await, 8, "what is asked for outright counts");
    for wrong in ["0", "-1", "", "ten", "5.0", "2147483648"] {
        let answer = program.get(&format!("/v1/endusers?pageLimit={wrong}")).await;
        let expected = "Invalid value for: query parameter pageLimit (must be a whole number from 1)";
        assert_eq!(refusal(&answer), (400, expected.to_owned()), "{wrong}");
    }
    let server =
        server_with(|settings| (settings.page_limit_default, settings.page_limit_most) = (2, 3)).await;
    let program = super::scene::program(&server, "acme").await;
    make(&program, &names(5), None).await;
    let count = async |path: &str| program.get(path).await.expect(200).each("data", "id").len();
    assert_eq!((count("/v1/endusers").await, count("/v1/endusers?pageLimit=9").await), (2, 3));
}

#[tokio::test]
async fn a_list_by_external_id_goes_on_by_itself_and_its_key_wins_over_filters() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    let external_id = "a&b=c/ä %";
    let all = names(9);
    make(&program, &all[..4], Some(external_id)).await;
    server.advance_seconds(1);
    make(&program, &all[4..6], Some("other")).await;
    server.advance_seconds(1);
    make(&program, &all[6..], Some(external_id)).await;
    let wanted: Vec<String> = [&all[..4], &all[6..]].concat();
    let first = "/v1/endusers?pageLimit=2&externalId=a%26b%3Dc%2F%C3%A4+%25";
    assert_eq!(shown(&walk(&program, first, "next").await), wanted);
    let next = target(&program.get(first).await, "next", "http://127.0.0.1:8080").unwrap();
    let plain = program.get(&next).await.expect(200);
    for filters in
        ["&externalId=other", "&email=a", "&email=a&email=b&phone=c", "&externalId=other&pageLimit=2"]
    {
        let answer = program.get(&format!("{next}{filters}")).await.expect(200);
        assert_eq!(answer.body, plain.body, "{filters}");
    }
    // Nothing that finds one person stands in a key, because nothing of that kind has a second page.
    let ann = json!({"email": "ann@acme.example", "phoneNumber": "+4520123456"});
    program.post("/v1/endusers", &ann).await.expect(201);
    for filter in ["email=ann@acme.example", "phone=%2B4520123456"] {
        let answer = program.get(&format!("/v1/endusers?pageLimit=1&{filter}")).await.expect(200);
        assert_eq!(answer.each("data", "email"), ["ann@acme.example"]);
        assert!(answer.json().get("meta").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn a_key_is_taken_however_it_is_spelt_and_a_garbled_one_is_refused() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    make(&program, &names(3), None).await;
    let answer = program.get("/v1/endusers?pageLimit=1").await.expect(200);
    let next = target(&answer, "next", "http://127.0.0.1:8080").unwrap();
    let key = next.strip_prefix("/v1/endusers?pageKey=").unwrap();
    assert!(!key.contains(['=', '+', '/']), "{key}");
    let plain = key.replace("%3D", "=");
    let text = String::from_utf8(URL_SAFE.decode(&plain).unwrap()).unwrap();
    let place = text.strip_prefix("pageLimit=1&after=").unwrap_or_else(|| panic!("{text}"));
    let expected = program.get(&next).await.expect(200);
    for spelling in [&plain, plain.trim_end_matches('='), &STANDARD.encode(&text)] {
        let answer = program.get(&format!("/v1/endusers?pageKey={spelling}")).await.expect(200);
        assert_eq!(answer.body, expected.body);
    }
    // What a client sends that follows a link and adds its own parameters again.
    let repeated = format!("{next}&pageLimit=1&pageKey={key}");
    assert_eq!(program.get(&repeated).await.expect(200).body, expected.body);

    let wrong =
        (400, "Invalid value for: query parameter pageKey (must be from an earlier answer)".to_owned());
    let (micros, id) = place.split_once('.').unwrap();
    for garbled in [
        String::new(),
        "pageLimit=1".to_owned(),
        format!("pageLimit=0&after={place}"),
        format!("pageLimit=-1&after={place}"),
        format!("after={place}"),
        format!("pageLimit=1&after={place}&after={place}"),
        format!("pageLimit=1&after={place}&before={place}"),
        format!("pageLimit=1&pageLimit=1&after={place}"),
        format!("pageLimit=1&after={place}&x=1"),
        format!("pageLimit=1&after={micros}"),
        format!("pageLimit=1&after={id}"),
        format!("pageLimit=1&after={micros}0000000000000000000.{id}"),
        format!("pageLimit=1&after={micros}.{id}0"),
        "pageLimit=1&after=7".to_owned(),
        "pageLimit=50&page=1".to_owned(),
        format!("pageLimit=1&after={place}&externalId={}", "x".repeat(5_000)),
    ] {
        let answer = program.get(&format!("/v1/endusers?pageKey={}", URL_SAFE.encode(&garbled))).await;
        assert_eq!(refusal(&answer), wrong, "{garbled}");
    }
    // What cannot be an external id is nobody's.
    for id in ["%00", "a%00b", "%0A"] {
        let key = URL_SAFE.encode(format!("pageLimit=1&after={place}&externalId={id}"));
        for query in [format!("pageKey={key}"), format!("externalId={id}")] {
            let answer = program.get(&format!("/v1/endusers?{query}")).await.expect(200);
            assert_eq!(answer.text(), r#"{"data":[]}"#, "{query}");
        }
    }
    for query in ["email=a%00@example.org", "phone=%2B491511%0000001"] {
        program.get(&format!("/v1/endusers?{query}")).await.expect(200);
    }
    for garbled in ["!", "ä", "a", &format!("{plain}*"), "%00"] {
        let answer = program.get(&format!("/v1/endusers?pageKey={garbled}")).await;
        assert_eq!(refusal(&answer), wrong, "{garbled}");
    }
}

#[tokio::test]
async fn links_begin_as_the_settings_say_or_as_the_caller_came() {
    let next = async |server: &TestServer, program: &TestProgram, path: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("authorization", program.token.as_str())];
        all.extend(headers);
        server.call("GET", path, &all, None).await.expect(200).str_at("/meta/next")
    };
    let path = "/v1/endusers?pageLimit=1";
    let server = TestServer::start().await;
    let asker = program(&server, "acme").await;
    make(&asker, &names(2), None).await;
    for (headers, beginning) in [
        (&[("host", "api.example.com")][..], "http://api.example.com/v1/endusers?pageKey="),
        (&[("host", "[::1]:8080")], "http://[::1]:8080/v1/endusers?pageKey="),
        (&[("host", "x.example"), ("x-forwarded-proto", "HTTPS")], "https://x.example/v1/endusers?pageKey="),
        (&[("host", "x.example"), ("x-forwarded-proto", "gopher")], "http://x.example/v1/endusers?pageKey="),
        // What is no name is not put into a link.
        (&[("host", "x.example/evil?")], "http://127.0.0.1:8080/v1/endusers?pageKey="),
        (&[("host", "user@x.example")], "http://127.0.0.1:8080/v1/endusers?pageKey="),
        (&[], "http://127.0.0.1:8080/v1/endusers?pageKey="),
    ] {
        let link = next(&server, &asker, path, headers).await;
        assert!(link.starts_with(beginning), "{link}");
    }
    for path in ["/beta/endusers/?pageLimit=1", "//beta/endusers?pageLimit=1"] {
        let link = next(&server, &asker, path, &[]).await;
        assert!(link.starts_with("http://127.0.0.1:8080/beta/endusers?pageKey="), "{link}");
    }
    for (url, relative, beginning) in [
        (Some("https://desk.example/api"), false, "https://desk.example/api/v1/endusers?pageKey="),
        (Some("https://desk.example/api"), true, "/v1/endusers?pageKey="),
        (None, true, "/v1/endusers?pageKey="),
    ] {
        let server = server_with(|settings| {
            settings.public_url = url.map(str::to_owned);
            settings.relative_links = relative;
        })
        .await;
        let asker = program(&server, "acme").await;
        make(&asker, &names(2), None).await;
        let link = next(&server, &asker, path, &[("host", "elsewhere.example")]).await;
        assert!(link.starts_with(beginning), "{link}");
    }
}

#[tokio::test]
async fn what_is_added_while_somebody_pages_is_neither_skipped_nor_shown_twice() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    let all = names(6);
    make(&program, &all[..4], None).await;
    let first = program.get("/v1/endusers?pageLimit=2").await.expect(200);
    server.advance_seconds(1);
    make(&program, &all[4..], None).await;
    let rest = walk(&program, &target(&first, "next", "http://127.0.0.1:8080").unwrap(), "next").await;
    assert_eq!([shown(&[first]), shown(&rest)].concat(), all);
}

#[tokio::test]
async fn conversations_are_paged_like_end_users_and_keys_of_one_list_do_not_fit_another() {
    let server = TestServer::start().await;
    let org = server.org("acme").await;
    let program = org.access_token("DefaultAdministratorRole").await;
    let contact = program.post("/v1/endusers", &json!({})).await.expect(201).str_at("/data/id");
    program.post("/v1/endusers", &json!({})).await.expect(201);
    let conversations: Vec<Value> = [40, 7, 1_000_000_000_000_i64, 8, 9]
        .iter()
        .map(|id| closed_conversation(&id.to_string(), &contact))
        .collect();
    take_in(&org.admin().await, &conversations).await;
    let ids = |pages: &[Answer]| -> Vec<i64> {
        let id = |item: &Value| item["id"].as_i64().unwrap();
        pages
            .iter()
            .flat_map(|page| page.json()["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>())
            .collect()
    };
    let all = [7, 8, 9, 40, 1_000_000_000_000];
    let path = format!("/v1/endusers/{contact}/conversations");
    for size in [1, 2, 4, 5] {
        let forth = walk(&program, &format!("{path}?pageLimit={size}"), "next").await;
        assert_eq!((ids(&forth), forth.len()), (all.to_vec(), all.len().div_ceil(size)));
        if let Some(back) = target(forth.last().unwrap(), "previous", "http://127.0.0.1:8080") {
            let mut pages = walk(&program, &back, "previous").await;
            pages.reverse();
            let last = ids(&forth[forth.len() - 1..]).len();
            assert_eq!(ids(&pages), all[..all.len() - last]);
        }
    }
    let key_of = |answer: &Answer| answer.str_at("/meta/next").split_once("pageKey=").unwrap().1.to_owned();
    let of_conversations = key_of(&program.get(&format!("{path}?pageLimit=2")).await);
    let of_contacts = key_of(&program.get("/v1/endusers?pageLimit=1").await);
    program.get(&format!("{path}?pageKey={of_contacts}")).await.expect(400);
    program.get(&format!("/v1/endusers?pageKey={of_conversations}")).await.expect(400);
}
