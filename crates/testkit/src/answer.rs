//! What a server answered.

use axum::http::HeaderMap;
use serde_json::Value;

/// An answer with its whole body.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The method and path that were asked, for messages.
    pub asked: String,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("every body of this server is UTF-8")
    }

    /// The body as JSON; `null` for no body at all.
    ///
    /// # Panics
    /// When the body is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The JSON values of a body with one in each line.
    ///
    /// # Panics
    /// When a line is not JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {self}"));
        self.text().lines().map(parse).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("headers of this server are ASCII"))
    }

    /// The answer, if it has this status.
    ///
    /// # Panics
    /// When it has another one.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "it checks, and most tests have no use for the rest")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Status and `detail`, as most refusals are told apart.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        let detail = &self.json()["detail"];
        (self.status, detail.as_str().map_or_else(|| detail.to_string(), str::to_owned))
    }

    /// A text in the body, by a JSON pointer such as `/user_id`.
    #[track_caller]
    pub fn str_at(&self, pointer: &str) -> String {
        let found = self.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no text at {pointer}: {self}"))
    }

    /// The values of one key of every item of a list, for instance the `user_id` of all `users`.
    #[track_caller]
    pub fn each(&self, list: &str, key: &str) -> Vec<String> {
        let json = self.json();
        let items = json[list].as_array().unwrap_or_else(|| panic!("no list {list}: {self}"));
        items.iter().map(|item| item[key].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {} {}", self.asked, self.status, String::from_utf8_lossy(&self.body))
    }
}
