//! The values that programs keep for a user (contract section 9).

use serde_json::json;

use super::scene::{Scene, UNKNOWN, bot, environment, refusal, take_in};

#[tokio::test]
async fn a_value_for_a_bot_goes_before_the_one_for_none_which_it_falls_back_to() {
    let scene = Scene::set().await;
    let (user, alpha, beta) = (&scene.ours.editor, scene.ours.id("{bot}"), scene.ours.id("{beta}"));
    let get = async |query: String| user.get(&format!("/configuration?key=zoom{query}")).await;
    let none = (404, "There is no value under this key".to_owned());
    assert_eq!(refusal(&get(String::new()).await), none);
    assert_eq!(refusal(&get(format!("&bot={alpha}")).await), none);

    let sent = json!({"key": "zoom", "value": "2", "bot": alpha});
    assert_eq!(user.put("/configuration", &sent).await.expect(200).json(), sent);
    assert_eq!(refusal(&get(String::new()).await), none, "a bot's value is no general one");
    assert_eq!(get(format!("&bot={alpha}")).await.expect(200).json(), sent);
    assert_eq!(refusal(&get(format!("&bot={beta}")).await), none);

    let general = json!({"key": "zoom", "value": "1", "bot": null});
    assert_eq!(user.put("/configuration", &general).await.expect(200).json(), general);
    for other in [String::new(), "&bot=".to_owned(), "&bot=%20".to_owned(), format!("&bot={beta}")] {
        assert_eq!(get(other).await.expect(200).json(), general);
    }
    for strange in [UNKNOWN, "no-bot", scene.theirs.id("{bot}")] {
        assert_eq!(get(format!("&bot={strange}")).await.expect(200).json(), general, "{strange}");
    }
    assert_eq!(get(format!("&bot={}", alpha.to_uppercase())).await.expect(200).json(), sent);
    assert_eq!(get(format!("&botUUID={alpha}")).await.expect(200).json(), sent);

    let again = json!({"key": "zoom", "value": "3", "bot": alpha});
    assert_eq!(user.put("/configuration", &again).await.expect(200).json(), again);
    assert_eq!(get(format!("&bot={alpha}")).await.expect(200).json(), again);
}

#[tokio::test]
async fn a_bot_that_is_not_active_has_no_values_until_it_is() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let (user, home, alpha) = (&side.editor, side.id("{environment}"), side.id("{bot}"));
    let own = json!({"key": "theme", "value": "light", "bot": alpha});
    user.put("/configuration", &own).await.expect(200);
    let get = async || user.get(&format!("/configuration?key=theme&bot={alpha}")).await.expect(200).json();
    assert_eq!(get().await, own);
    for record in [bot(alpha, home, "Alpha", false), environment(home, "Live", false)] {
        take_in(&side.member, &[record]).await;
        assert_eq!(get().await, json!({"key": "theme", "value": "dark", "bot": null}));
        let refused = refusal(&user.put("/configuration", &own).await);
        assert_eq!(refused.0, 400, "{refused:?}");
        take_in(&side.member, &[environment(home, "Live", true), bot(alpha, home, "Alpha", true)]).await;
        assert_eq!(get().await, own);
    }
}

#[tokio::test]
async fn numbers_and_truth_values_are_kept_as_their_texts() {
    let scene = Scene::set().await;
    let user = &scene.ours.editor;
    for (sent, kept) in [
        (json!("a text"), "a text"),
        (json!(""), ""),
        (json!(" as it is "), " as it is "),
        (json!(true), "true"),
        (json!(false), "false"),
        (json!(0), "0"),
        (json!(-12), "-12"),
        (json!(0.5), "0.5"),
        (json!(u64::MAX), "18446744073709551615"),
    ] {
        let body = json!({"key": "any key: ä?&=/", "value": sent});
        assert_eq!(user.put("/configuration", &body).await.expect(200).str_at("/value"), kept);
        let read = user.get("/configuration?key=any%20key:%20%C3%A4%3F%26%3D%2F").await.expect(200);
        assert_eq!(read.json(), json!({"key": "any key: ä?&=/", "value": kept, "bot": null}));
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_says_which_field_is_wrong() {
    let scene = Scene::set().await;
    let user = &scene.ours.editor;
    for (body, beginning) in [
        (json!({"value": "x"}), "key: is missing"),
        (json!({"key": null, "value": "x"}), "key: "),
        (json!({"key": " ", "value": "x"}), "key: must not be blank"),
        (json!({"key": 5, "value": "x"}), "key: "),
        (json!({"key": "x".repeat(256), "value": "x"}), "key: "),
        (json!({"key": "a\u{0}b", "value": "x"}), "key: "),
        (json!({"key": "k"}), "value: is missing"),
        (json!({"key": "k", "value": null}), "value: must be a text, a number or a truth value"),
        (json!({"key": "k", "value": []}), "value: must be a text, a number or a truth value"),
        (json!({"key": "k", "value": {"a": 1}}), "value: must be a text, a number or a truth value"),
        (json!({"key": "k", "value": 1e300}), "value: is too large for a number: send it as a text"),
        (json!({"key": "k", "value": "x".repeat((16 << 10) + 1)}), "value: "),
        (json!({"key": "k", "value": "a\u{0}b"}), "value: "),
        (json!({"key": "k", "value": "x", "bot": UNKNOWN}), "bot: "),
        (json!({"key": "k", "value": "x", "bot": "no-bot"}), "bot: "),
        (json!({"key": "k", "value": "x", "bot": scene.theirs.id("{bot}")}), "bot: "),
        (json!({"key": "k", "value": "x", "bot": 7}), "bot: "),
    ] {
        let (status, message) = refusal(&user.put("/configuration", &body).await);
        assert!(status == 400 && message.starts_with(beginning), "{body}: {status} {message}");
    }
    for (query, message) in [("", "key: is missing"), ("?key=", "key: must not be blank")] {
        let refused = refusal(&user.get(&format!("/configuration{query}")).await);
        assert_eq!(refused, (400, message.to_owned()));
    }
    assert_eq!(refusal(&user.get("/configuration?key=k").await).0, 404, "nothing was kept");
}

#[tokio::test]
async fn values_are_the_callers_whatever_organization_the_path_names() {
    let scene = Scene::set().await;
    let user = &scene.ours.editor;
    for strange in [scene.theirs.id("{orgUUID}"), UNKNOWN, "x", "%20", "%FF", "acme"] {
        let there = user.in_org(strange);
        let sent = json!({"key": "where", "value": strange});
        there.put("/configuration", &sent).await.expect(200);
        assert_eq!(there.get("/configuration?key=where").await.expect(200).str_at("/value"), strange);
    }
    assert_eq!(user.get("/configuration?key=where").await.expect(200).str_at("/value"), "acme");
    for other in [&scene.ours.admin, &scene.theirs.admin, &scene.theirs.editor] {
        assert_eq!(refusal(&other.get("/configuration?key=where").await).0, 404);
    }
    let deleted = format!("/{}", user.id);
    scene.ours.admin.delete(&deleted).await.expect(204);
    assert_eq!(refusal(&user.get("/configuration?key=where").await).0, 401);
}
