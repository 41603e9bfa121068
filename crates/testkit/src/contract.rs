//! Every answer against the OpenAPI document of its dialect: the status is documented, and the body has its form. A
//! request that was accepted has to have the documented form as well, or the document asks for less than it says.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use denizen_http::{Dialect, openapi};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::answer::Answer;

/// The published description of a dialect, ready to judge.
pub struct Contract {
    document: Value,
    places: Vec<Place>,
    fits: fn(&str, &str) -> bool,
    falls_through: bool,
    /// By the pointer of the schema in the document.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

struct Place {
    method: String,
    path: String,
    segments: Vec<String>,
}

static ADMIN: LazyLock<Contract> = LazyLock::new(|| Contract::new(&denizen_http::admin::dialect()));
static AMIGO: LazyLock<Contract> = LazyLock::new(|| Contract::new(&denizen_http::amigo::dialect()));
static EVA: LazyLock<Contract> = LazyLock::new(|| Contract::new(&denizen_http::eva::dialect()));
static OPENID: LazyLock<Contract> = LazyLock::new(|| Contract::new(&denizen_http::openid::dialect()));
static DIXA: LazyLock<Contract> = LazyLock::new(|| Contract::new(&denizen_http::dixa::dialect()));

/// The media type of the fields of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The media type of a JSON value in each line.
const LINES: &str = "application/x-ndjson";

impl Contract {
    /// The description of the Amigo dialect, made once in a process.
    pub fn amigo() -> &'static Self {
        &AMIGO
    }

    /// The description of the native API.
    pub fn admin() -> &'static Self {
        &ADMIN
    }

    /// The description of the Dixa dialect.
    pub fn dixa() -> &'static Self {
        &DIXA
    }

    /// The description of the eva dialect.
    pub fn eva() -> &'static Self {
        &EVA
    }

    /// The description that a request belongs to: where the paths of two dialects mean it, of that whose parameters can
    /// be what stands there, and otherwise of that with the more literal path, as in the router.
    pub(crate) fn of(method: &str, path: &str) -> &'static Self {
        let all: [&'static LazyLock<Self>; 5] = [&DIXA, &AMIGO, &EVA, &OPENID, &ADMIN];
        let mut meant = all.into_iter().filter(|contract| contract.template(method, path).is_some());
        let fitting = meant.clone().find(|contract| contract.fits(method, path));
        fitting.or_else(|| meant.next()).unwrap_or(&AMIGO)
    }

    /// Whether the parameters of the path that is meant can be what stands there.
    fn fits(&self, method: &str, path: &str) -> bool {
        let Some(template) = self.template(method, path) else { return false };
        let fits = |(known, asked): (&str, &str)| {
            known.strip_prefix('{').is_none_or(|name| (self.fits)(name.trim_end_matches('}'), asked))
        };
        split(template).zip(split(path)).all(fits)
    }

    fn new(dialect: &Dialect) -> Self {
        let document = openapi(dialect);
        let mut places = Vec::new();
        for (path, item) in document["paths"].as_object().expect("a document has paths") {
            for method in item.as_object().expect("a path has methods").keys() {
                let segments = split(path).map(str::to_owned).collect();
                places.push(Place { method: method.to_ascii_uppercase(), path: path.clone(), segments });
            }
        }
        // The most literal path wins, as it does in the router.
        places.sort_by_key(|place| place.segments.iter().filter(|segment| segment.starts_with('{')).count());
        Self {
            document,
            places,
            fits: dialect.fits,
            falls_through: dialect.falls_through,
            validators: Mutex::default(),
        }
    }

    /// The published path that a request means, if it means one. A path that is nearer hides others, whatever its methods,
    /// unless the dialect falls through.
    pub fn template(&self, method: &str, path: &str) -> Option<&str> {
        let asked: Vec<&str> = split(path).collect();
        let covers = |place: &&Place| {
            let is_meant = |(known, asked): (&String, &&str)| {
                if known.starts_with('{') { !asked.is_empty() } else { known == asked }
            };
            place.segments.len() == asked.len() && place.segments.iter().zip(&asked).all(is_meant)
        };
        let mut meant = self.places.iter().filter(covers);
        let nearest = meant.clone().next()?;
        let is_hidden = |place: &Place| !self.falls_through && place.path != nearest.path;
        let found = meant.find(|place| place.method == method && !is_hidden(place));
        found.map(|place| place.path.as_str())
    }

    /// # Panics
    /// When the answer is not as documented.
    #[track_caller]
    pub(crate) fn check(&self, method: &str, path: &str, request: &[u8], answer: &Answer) {
        let Some(template) = self.template(method, path) else { return };
        let operation = format!("/paths/{}/{}", escaped(template), method.to_ascii_lowercase());
        let pointer = format!("{operation}/responses/{}", answer.status);
        let Some(documented) = self.document.pointer(&pointer) else {
            panic!("{} is not documented for {method} {template}: {answer}", answer.status)
        };
        match &documented["content"] {
            Value::Null => assert!(answer.body.is_empty(), "a body that is not documented: {answer}"),
            content => {
                let sent = answer.header("content-type").unwrap_or_default();
                let media = sent.split(';').next().unwrap_or_default();
                assert!(content.get(media).is_some(), "the media type {sent:?} is not documented: {answer}");
                let schema = format!("{pointer}/content/{}/schema", escaped(media));
                if media == LINES {
                    answer.lines().iter().for_each(|line| self.validate(&schema, line, answer));
                } else if media.ends_with("json") {
                    self.validate(&schema, &answer.json(), answer);
                }
            }
        }
        let accepted = |media| {
            let pointer = format!("{operation}/requestBody/content/{}/schema", escaped(media));
            let is_there = self.document.pointer(&pointer).is_some() && matches!(answer.status, 200..300);
            is_there.then_some(pointer)
        };
        if let (Some(pointer), Ok(request)) = (accepted("application/json"), serde_json::from_slice(request))
        {
            self.validate(&pointer, &request, answer);
        }
        if let Some(pointer) = accepted(FORM) {
            let fields = form_urlencoded::parse(request);
            let sent =
                fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
            self.validate(&pointer, &Value::Object(sent), answer);
        }
        if let Some(pointer) = accepted(LINES) {
            let sent: Vec<&[u8]> = request.split(|byte| *byte == b'\n').collect();
            for taken in
                answer.lines().iter().filter(|line| line["result"].is_string() && line["result"] != "refused")
            {
                let number = usize::try_from(taken["line"].as_u64().unwrap()).unwrap();
                let line = sent[number - 1].trim_ascii();
                let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
                self.validate(&pointer, &serde_json::from_slice(line).unwrap(), answer);
            }
        }
    }

    #[track_caller]
    fn validate(&self, pointer: &str, instance: &Value, answer: &Answer) {
        let errors: Vec<String> = self
            .validator(pointer)
            .iter_errors(instance)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "not of the form {pointer}: {errors:#?}\n{instance}\n{answer}");
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            let mut schema = self.document.pointer(pointer).expect("the caller has looked").clone();
            if schema == json!(true) {
                schema = json!({});
            }
            schema["components"] = self.document["components"].clone();
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&schema).expect("a published schema is a schema"))
        };
        Arc::clone(validators.entry(pointer.to_owned()).or_insert_with(compile))
    }
}

/// The segments of a path; one slash more or less at its end and several at its beginning are tolerated.
fn split(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_start_matches('/');
    path.strip_suffix('/').unwrap_or(path).split('/')
}

fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::*;

    const USERS: &str = "/v1/acme/user/";

    fn answer(status: u16, body: &Value) -> Answer {
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(axum::http::header::CONTENT_TYPE, json)]);
        Answer { status, headers, body: body.to_string().into_bytes(), asked: "a test".to_owned() }
    }

    fn check(method: &str, request: Option<&Value>, status: u16, body: &Value) {
        let request = request.map(Value::to_string).unwrap_or_default();
        Contract::amigo().check(method, USERS, request.as_bytes(), &answer(status, body));
    }

    #[test]
    fn a_documented_answer_passes() {
        check("GET", None, 200, &json!({"users": [], "has_more": false, "continuation_token": null}));
        check("GET", None, 403, &json!({"detail": "no"}));
        assert_eq!(
            Contract::amigo().template("GET", "/v1/a/user/search/"),
            Some("/v1/{organization}/user/search/")
        );
    }

    #[test]
    #[should_panic(expected = "418 is not documented")]
    fn a_status_that_is_not_documented_fails() {
        check("GET", None, 418, &json!({"detail": "no"}));
    }

    #[test]
    #[should_panic(expected = "has_more")]
    fn a_body_without_a_required_key_fails() {
        check("GET", None, 200, &json!({"users": [], "continuation_token": null}));
    }

    #[test]
    #[should_panic(expected = "not of the form")]
    fn a_body_of_another_type_fails() {
        check("GET", None, 403, &json!({"detail": 1}));
    }

    #[test]
    #[should_panic(expected = "requestBody")]
    fn an_accepted_request_that_is_not_as_documented_fails() {
        let created = json!({"user_id": "65f000000000000000000001", "verify_link": null});
        check("POST", Some(&json!({"first_name": 1})), 201, &created);
    }
}
