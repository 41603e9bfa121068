//! The id of a request: taken, repeated, made, and in every line of the log; and what else the log says.

use std::io::Write;
use std::sync::{Arc, Mutex};

use denizen_domain::ids::Uuid;
use serde_json::Value;

use super::scene::Scene;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_line_has_the_id_of_its_request_and_nothing_personal() {
    let scene = Scene::set().await;
    let side = &scene.ours;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let mut ids = Vec::new();
    let mut note = |given: Option<&str>, answer: &denizen_testkit::Answer| {
        let id = answer.header("x-request-id").unwrap().to_owned();
        match given {
            Some(given) => assert_eq!(id, given),
            None => assert_eq!(Uuid::parse(&id).unwrap().to_string(), id),
        }
        ids.push(id);
    };
    let body = side.new_user("Personal Name", "personal@acme.example");
    let own = "Root=1-67891233-abcdef012345678912345678";
    let call = async |id: &str| side.admin.call_with("POST", "", &[("x-request-id", id)], Some(&body)).await;
    note(Some("one"), &call("one").await.expect(201));
    note(Some(own), &call(own).await.expect(409));
    note(None, &call("personal@acme.example").await.expect(409));
    note(None, &side.admin.get("?searchTerms=personal").await.expect(200));
    note(None, &side.admin.get("/personal@acme.example").await.expect(404));
    note(None, &side.admin.in_org("personal@acme.example").get("").await.expect(403));
    note(None, &scene.server.anonymous("GET", "/eva-user/personal", None).await.expect(404));
    note(None, &side.admin.delete(&format!("/{}", side.id("{userUUID}"))).await.expect(204));
    drop(guard);

    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!written.to_lowercase().contains("personal"), "{written}");
    assert!(!written.contains(&side.admin.token), "{written}");
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let logged: Vec<&str> =
        lines.iter().map(|line| line["fields"]["request_id"].as_str().unwrap_or("none")).collect();
    assert_eq!(logged, ids, "{written}");
    let of = |index: usize, name: &str| lines[index]["fields"][name].as_str().unwrap_or_default();
    assert_eq!(of(0, "route"), "/eva-user/org/{orgUUID}/users");
    assert_eq!((of(0, "dialect"), of(0, "organization")), ("eva", "acme"));
    assert_eq!(of(5, "organization"), "acme", "the caller's own, whatever the path names");
}
