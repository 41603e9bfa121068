//! One case for every operation, for both of its places: what it needs and what it answers.
//!
//! A new operation without a case fails `coverage`, by its name. What is answered to whoever shows no token, the token of
//! another organization, an id that names nothing or none at all is the same everywhere and stands there.

/// An operation and what it takes. Names in braces stand for the scene's things.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    /// With its `?`.
    pub(crate) query: &'static str,
    /// Empty: none.
    pub(crate) content_type: &'static str,
    pub(crate) body: &'static str,
    /// What an administrator gets.
    pub(crate) success: u16,
    /// Whether everybody else is refused.
    pub(crate) is_for_administrators: bool,
    /// Whether the organization in the path has to be the caller's.
    pub(crate) is_at_home: bool,
    /// Whether it changes anything.
    pub(crate) writes: bool,
}

const READING: Case = Case {
    id: "",
    query: "",
    content_type: "",
    body: "",
    success: 200,
    is_for_administrators: true,
    is_at_home: true,
    writes: false,
};
const WRITING: Case = Case { writes: true, content_type: "application/json", ..READING };

/// A file with one user in it.
const CSV: Case = Case {
    content_type: "multipart/form-data; boundary=edge",
    body: concat!(
        "--edge\r\n",
        "Content-Disposition: form-data; name=\"file\"; filename=\"users.csv\"\r\n\r\n",
        "email;name;company;role;password;environmentUuid;environmentName;bot\n",
        "{email};New;;EDITOR;Passw0rd;{environment};Live;{bot}\n",
        "\r\n--edge--\r\n",
    ),
    ..WRITING
};

pub(crate) const CASES: &[Case] = &[
    Case { id: "getUsers", query: "?page=0&linesPerPage=3&unknown=x", ..READING },
    Case { id: "quicksearchUsers", query: "?name=a", ..READING },
    Case { id: "getOwnUser", is_for_administrators: false, ..READING },
    Case { id: "getUser", ..READING },
    Case { id: "deleteUser", content_type: "", success: 204, ..WRITING },
    Case { id: "updateUser", body: r#"{"name": "Other", "email": "{email}", "uuid": "ignored"}"#, ..WRITING },
    Case {
        id: "createUser",
        body: r#"{"name": "New", "email": "{email}", "environments": [
            {"role": "EDITOR", "environment": {"uuid": "{environment}"}, "bots": [{"uuid": "{bot}"}]}]}"#,
        success: 201,
        ..WRITING
    },
    Case {
        id: "createUserWithPassword",
        body: r#"{"name": "New", "email": "{email}", "admin": true, "password": "Passw0rd",
            "passwordConfirmation": "Passw0rd"}"#,
        success: 201,
        ..WRITING
    },
    Case {
        id: "getConfiguration",
        query: "?key=theme",
        is_for_administrators: false,
        is_at_home: false,
        ..READING
    },
    Case {
        id: "setConfiguration",
        body: r#"{"key": "theme", "value": "{email}"}"#,
        is_for_administrators: false,
        is_at_home: false,
        ..WRITING
    },
    Case { id: "createUsersFromCsv", query: "?language=ja", ..CSV },
    Case { id: "createUsersFromCsvSilently", ..CSV },
    Case { id: "validateCsv", writes: false, ..CSV },
    Case { id: "validateCsvSilently", writes: false, ..CSV },
];
