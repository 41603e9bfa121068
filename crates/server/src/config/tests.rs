//! Layers, refusals, masking, the printed form, and the documentation, which must say what the structs say.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::report::Failure;

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// A folder with a configuration file in it.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denizen.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load_file(text: &str) -> anyhow::Result<Loaded> {
    let (_folder, path) = file(text);
    load(Sources { file: Some(path), ..Sources::default() })
}

fn load_environment(pairs: &[(&str, &str)]) -> anyhow::Result<Loaded> {
    load(Sources { environment: environment(pairs), ..Sources::default() })
}

/// The message of a refusal, which must be one of usage with a hint.
fn refusal(result: anyhow::Result<Loaded>) -> String {
    let error = result.expect_err("should have been refused");
    let failure = error.downcast_ref::<Failure>().expect("a refusal has a hint");
    assert!(!failure.hint().is_empty());
    error.to_string()
}

#[test]
fn without_any_source_the_defaults_are_in_force() {
    let loaded = load(Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(*loaded.origin("listen"), load::Origin::Default);
}

#[test]
fn each_layer_overrides_the_one_before_it() {
    let (_folder, path) =
        file("listen = '127.0.0.1:1'\n[limits]\nbody_bytes = 2_000\nheader_count = 20\njson_depth = 9\n");
    let loaded = load(Sources {
        file: Some(path),
        environment: environment(&[
            ("DENIZEN_LISTEN", "127.0.0.1:2"),
            ("DENIZEN_LIMITS_HEADER_COUNT", "30"),
            ("DENIZEN_LIMITS_JSON_DEPTH", "10"),
            ("HOME", "/"),
        ]),
        flags: Flags { listen: Some("127.0.0.1:3".to_owned()), no_rate_limits: true, ..Flags::default() },
    })
    .unwrap();
    assert_eq!(loaded.config.listen.port(), 3);
    assert_eq!(loaded.config.limits.body_bytes, 2000);
    assert_eq!(loaded.config.limits.header_count, 30);
    assert_eq!(loaded.config.limits.json_depth, 10);
    assert_eq!(loaded.config.limits.header_bytes, 16384);
    assert!(!loaded.config.rate_limits.enabled);
    assert_eq!(loaded.origin("listen").to_string(), "flag --listen");
    assert_eq!(loaded.origin("limits.header_count").to_string(), "environment DENIZEN_LIMITS_HEADER_COUNT");
    assert!(loaded.origin("limits.body_bytes").to_string().ends_with("denizen.toml line 3"));
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for (key, default) in keys::all() {
        let another;
        let value = match (key.as_str(), &default) {
            ("data", _) => "/srv/denizen",
            ("listen", _) => "[::]:9",
            ("public_url", _) => "https://users.example.com",
            ("store", _) => "sqlite:/srv/d.db",
            ("postgres.replica", _) => "postgres://denizen@standby.example/denizen",
            ("limits.address_header", _) => "x-forwarded-for",
            ("mail.smtp_url", _) => "smtp://mail.example",
            ("mail.from", _) => "Ada <ada@example.com>",
            ("mail.language", _) => "ja",
            ("mail.templates", _) => "/srv/mails",
            ("identity.google_project", _) => "acme-users",
            ("identity.google_credentials", _) => "/etc/denizen/google.json",
            ("identity.google_url", _) => "http://127.0.0.1:9099/identitytoolkit.googleapis.com",
            ("identity.organizations", _) => "acme, globex",
            ("log.format", _) => "text",
            ("log.filter", _) => "warn,denizen=debug",
            (_, Value::Bool(true)) => "false",
            (_, Value::Bool(false)) => "true",
            (key, Value::Number(default)) => {
                let bounds = keys::bounds(key).unwrap();
                let is_lowest = default.as_u64() == Some(bounds.min);
                another = if is_lowest { bounds.max } else { bounds.min }.to_string();
                &another
            }
            (key, default) => panic!("no example for {key} = {default}"),
        };
        let variable = keys::variable(&key);
        let loaded = load_environment(&[(&variable, value)]).unwrap_or_else(|e| panic!("{variable}: {e}"));
        assert_ne!(loaded.config, Config::default(), "{variable} has changed nothing");
        assert_eq!(loaded.origin(&key).to_string(), format!("environment {variable}"));
    }
}

#[test]
fn no_two_keys_share_a_variable() {
    let mut variables: Vec<String> = keys::all().iter().map(|(key, _)| keys::variable(key)).collect();
    let count = variables.len();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), count);
}

#[test]
fn the_file_in_the_data_folder_is_read_without_being_named() {
    let (folder, path) = file("[amigo]\nlist_limit = 7\n");
    let flags = || Flags { data: Some(folder.path().to_path_buf()), ..Flags::default() };
    let loaded = load(Sources { flags: flags(), ..Sources::default() }).unwrap();
    assert_eq!(loaded.config.amigo.list_limit, 7);
    assert_eq!(loaded.config.place(), Place::Sqlite(folder.path().join("denizen.db")));

    let (_other, named) = file("[amigo]\nlist_limit = 8\n");
    let environment = environment(&[("DENIZEN_CONFIG", named.to_str().unwrap())]);
    let loaded =
        load(Sources { environment: environment.clone(), flags: flags(), ..Sources::default() }).unwrap();
    assert_eq!(loaded.config.amigo.list_limit, 8);
    let loaded = load(Sources { file: Some(path), environment, flags: flags() }).unwrap();
    assert_eq!(loaded.config.amigo.list_limit, 7);
}

#[test]
fn a_named_file_that_does_not_exist_is_refused() {
    let sources = Sources { file: Some(PathBuf::from("/nowhere/denizen.toml")), ..Sources::default() };
    assert!(refusal(load(sources)).contains("/nowhere/denizen.toml"));
}

#[test]
fn unknown_keys_are_refused_with_line_and_nearest_known_key() {
    let message = refusal(load_file("# comment\n[limits]\nbody_byte = 1\n"));
    assert!(
        message
            .contains("line 3: unknown key `limits.body_byte`; the nearest known key is `limits.body_bytes`"),
        "{message}"
    );

    let message = refusal(load_file("body_bytes = 1"));
    assert!(message.contains("`limits.body_bytes`"), "{message}");

    let message = refusal(load_file("\n[limit]\nbody_bytes = 5000\n"));
    assert!(
        message.contains("line 2: unknown section `limit`; the nearest known section is `limits`"),
        "{message}"
    );

    let message = refusal(load_file("[rate_limits.amigo]\nget_user = 1\n"));
    assert!(message.contains("`rate_limits.amigo.get_users`"), "{message}");

    let message = refusal(load_file("[rate_limits.dixa]\nburst = 8\n"));
    assert!(message.contains("the nearest known section is `dixa`"), "{message}");

    let message = refusal(load_file("limits.body_byte = 1"));
    assert!(message.contains("line 1"), "{message}");
}

#[test]
fn unknown_variables_are_refused_with_the_nearest_known_variable() {
    let message = refusal(load_environment(&[("DENIZEN_LISTN", "x")]));
    assert!(
        message.contains("DENIZEN_LISTN is unknown; the nearest known variable is DENIZEN_LISTEN"),
        "{message}"
    );
    for (slip, meant) in [
        ("DENIZEN_RATE_LIMITS_DIXA_BURST", "DENIZEN_DIXA_BURST"),
        ("DENIZEN_RATE_LIMITS_DIXA_REQUESTS_PER_MINUTE", "DENIZEN_DIXA_REQUESTS_PER_SECOND"),
        ("DENIZEN_RATE_LIMITS_AMIGO_GET_USER", "DENIZEN_RATE_LIMITS_AMIGO_GET_USERS"),
    ] {
        let message = refusal(load_environment(&[(slip, "8")]));
        assert!(
            message.ends_with(&format!("{slip} is unknown; the nearest known variable is {meant}")),
            "{message}"
        );
    }
    let message = refusal(load_environment(&[("DENIZEN_CONFIGS", "x")]));
    assert!(message.contains("DENIZEN_CONFIG"), "{message}");
}

#[test]
fn variables_that_kubernetes_adds_for_a_service_named_denizen_are_ignored() {
    load_environment(&[
        ("DENIZEN_SERVICE_HOST", "10.0.0.1"),
        ("DENIZEN_SERVICE_PORT", "8080"),
        ("DENIZEN_SERVICE_PORT_HTTP", "8080"),
        ("DENIZEN_PORT", "tcp://10.0.0.1:8080"),
        ("DENIZEN_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ])
    .unwrap();
    refusal(load_environment(&[("DENIZEN_PORTS", "1")]));
}

#[test]
fn the_variable_that_holds_a_token_for_clients_is_no_setting() {
    let loaded = load_environment(&[(TOKEN_VARIABLE, "acme.secret")]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(!loaded.to_toml().contains("acme.secret"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let message = refusal(load_file("lisen = 'x'\n[limits]\nbody_bytes = 1\nconnections = 'many'\n"));
    assert!(message.contains("3 problems"), "{message}");
    assert!(
        message.contains("line 1") && message.contains("line 3") && message.contains("line 4"),
        "{message}"
    );
}

#[test]
fn problems_are_told_in_the_order_of_the_file_and_in_words_of_our_own() {
    let message = refusal(load_file("[limits]\nbody_bytes = 1\nlisen = 2\n[log]\nformat = 'xml'\n"));
    let lines: Vec<_> = ["line 2", "line 3", "line 5"].map(|line| message.find(line).unwrap()).into();
    assert!(lines.is_sorted(), "{message}");
    assert!(message.contains("`log.format` must be auto, json or text"), "{message}");
}

#[test]
fn only_a_near_name_is_suggested() {
    for text in ["wibble = 1", "[limits]\nzebra = 1", "[quux]\na = 1"] {
        let message = refusal(load_file(text));
        assert!(message.contains("unknown") && !message.contains("nearest"), "{message}");
    }
    let message = refusal(load_environment(&[("DENIZEN_WIBBLE", "x")]));
    assert!(message.ends_with("DENIZEN_WIBBLE is unknown"), "{message}");
}

#[test]
fn a_key_that_stands_twice_is_named() {
    let message = refusal(load_file("listen = '127.0.0.1:1'\n[mail]\nfrom = 'a@b'\nfrom = 'secret@b'\n"));
    assert!(message.contains("line 4: `from` stands here a second time"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn localhost_is_an_address_to_listen_on() {
    let loaded = load_environment(&[("DENIZEN_LISTEN", "localhost:9")]).unwrap();
    assert_eq!(loaded.config.listen, "127.0.0.1:9".parse().unwrap());
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    let message = refusal(load_file("[limits]\nbody_bytes = 12\n"));
    assert!(
        message.contains("line 2: `limits.body_bytes` is 12, out of its range 1024 to 268435456 (bytes)"),
        "{message}"
    );
    for (key, default) in keys::all() {
        if !default.is_number() {
            continue;
        }
        let bounds = keys::bounds(&key).unwrap_or_else(|| panic!("{key} has no bounds"));
        let variable = keys::variable(&key);
        for (value, accepted) in [
            (i128::from(bounds.min), true),
            (i128::from(bounds.max), true),
            (i128::from(bounds.min) - 1, false),
            (i128::from(bounds.max) + 1, false),
            (-1, false),
        ] {
            let result = load_environment(&[(&variable, &value.to_string())]);
            assert_eq!(result.is_ok(), accepted, "{variable}={value}: {result:?}");
        }
        let default = default.as_u64().unwrap();
        assert!((bounds.min..=bounds.max).contains(&default), "{key}: the default is out of its own range");
    }
}

#[test]
fn every_bound_belongs_to_a_key() {
    let known = keys::all();
    for number in keys::NUMBERS {
        assert!(
            known.iter().any(|(key, default)| key == number.key && default.is_number()),
            "{}",
            number.key
        );
    }
}

#[test]
fn values_of_a_wrong_type_or_form_are_refused() {
    for text in [
        "listen = 8080",
        "listen = 'localhost'",
        "listen = 'example.com:8080'",
        "listen = 'here'",
        "data = ''",
        "public_url = 'users.example.com'",
        "public_url = 'https://users.example.com/?a=b'",
        "store = 'postgres://localhost/denizen'",
        "store = 'postgres://denizen@localhost:port/denizen'",
        "store = 'postgres://denizen@localhost/denizen?sslmode=perhaps'",
        "store = 'mysql://denizen@localhost/denizen'",
        "store = 'sqlite:'",
        "store = 'sqlite::memory:'",
        "limits = 3",
        "listen.port = 3",
        "[limits]\nbody_bytes = '1024'",
        "[limits]\nbody_bytes = 1024.5",
        "[rate_limits]\nenabled = 'yes'",
        "[log]\nformat = 'xml'",
        "[log]\nfilter = 'in fo='",
        "[log]\nfilter = 'inof'",
        "[log]\nfilter = ''",
        "[log]\nfilter = 'info,denizen=debgu'",
        "[mail]\nfrom = 'nobody'",
        "[mail]\nfrom = \"a@b\\r\\nBcc: c@d\"",
        "[mail]\nlanguage = 'English'",
        "[mail]\nsmtp_url = 'mail.example:25'",
        "[identity]\norganizations = 'acme'",
        "[identity]\norganizations = ''",
        "[identity]\norganizations = ['acme', 1]",
        "[identity]\norganizations = ['Acme']",
        "[identity]\norganizations = ['acme,globex']",
    ] {
        let message = refusal(load_file(text));
        assert!(message.contains("denizen.toml line"), "{text}: {message}");
    }
}

#[test]
fn an_empty_variable_unsets_an_optional_key() {
    let (_folder, path) = file("[mail]\nsmtp_url = 'smtp://mail.example'\n");
    let loaded = load(Sources {
        file: Some(path),
        environment: environment(&[("DENIZEN_MAIL_SMTP_URL", "")]),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(loaded.config.mail.smtp_url, None);
    refusal(load_environment(&[("DENIZEN_LISTEN", "")]));
}

#[test]
fn organizations_are_a_list_in_a_file_and_parted_by_commas_in_a_variable() {
    let listed = |loaded: anyhow::Result<Loaded>| {
        let listed = loaded.unwrap().config.identity.organizations?;
        Some(listed.into_iter().collect::<Vec<_>>())
    };
    let both = Some(vec!["acme".to_owned(), "globex".to_owned()]);
    assert_eq!(listed(load_file("[identity]\norganizations = ['globex', 'acme', 'acme']")), both);
    assert_eq!(listed(load_environment(&[("DENIZEN_IDENTITY_ORGANIZATIONS", "acme, globex")])), both);
    // No organization is something else than every organization.
    assert_eq!(listed(load_file("[identity]\norganizations = []")), Some(Vec::new()));
    assert_eq!(listed(load_environment(&[("DENIZEN_IDENTITY_ORGANIZATIONS", "")])), None);
    assert_eq!(listed(load_file("")), None);
    let message = refusal(load_environment(&[("DENIZEN_IDENTITY_ORGANIZATIONS", "acme,,globex")]));
    assert!(message.contains("names no organization"), "{message}");
}

#[test]
fn broken_toml_is_refused_with_its_line_and_without_quoting_it() {
    let message = refusal(load_file("[mail]\nsmtp_url = 'smtp://ada:pa55@mail.example\n"));
    assert!(message.contains("line 2"), "{message}");
    assert!(!message.contains("pa55"), "{message}");
    let message = refusal(load_file("[mail]\nsmtp_url = 'ftp://ada:pa55@mail.example'\n"));
    assert!(!message.contains("pa55"), "{message}");
}

#[test]
fn the_printed_configuration_parses_to_itself_when_it_has_no_secret() {
    for text in [
        "",
        "data = \"a \\\"quoted\\\" # 'folder'\"\npublic_url = 'https://u.example/x'\n[log]\nfilter = 'info,hyper=off'\nformat = 'text'\n[rate_limits.amigo]\nget_users = 0\n",
        "[identity]\norganizations = ['globex', 'acme']\n",
        "[identity]\norganizations = []\n",
    ] {
        let loaded = load_file(text).unwrap();
        let again = load_file(&loaded.to_toml()).unwrap();
        assert_eq!(again.config, loaded.config);
    }
}

#[test]
fn the_printed_configuration_says_where_values_come_from_and_shows_no_secret() {
    let loaded = load(Sources {
        environment: environment(&[("DENIZEN_MAIL_SMTP_URL", "smtps://ada:pa55@mail.example:465")]),
        flags: Flags { listen: Some("127.0.0.1:9999".to_owned()), ..Flags::default() },
        ..Sources::default()
    })
    .unwrap();
    let text = loaded.to_toml();
    let line = |name: &str| {
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"))
    };
    assert!(line("listen").ends_with("# flag --listen"), "{text}");
    assert!(line("body_bytes").ends_with("# default"), "{text}");
    assert!(line("# public_url").contains("\"http://127.0.0.1:9999\""), "{text}");
    assert!(line("# store").contains("sqlite:./denizen-data/denizen.db"), "{text}");
    assert!(line("smtp_url").contains("smtps://ada:********@mail.example:465"), "{text}");
    assert!(line("smtp_url").contains("# environment DENIZEN_MAIL_SMTP_URL; masked"), "{text}");
    assert!(!text.contains("pa55"));
    assert!(!format!("{loaded:?}").contains("pa55"));
    let again = load_file(&text).unwrap().config;
    assert_eq!(
        again.mail.smtp_url.as_ref().map(SecretUrl::expose),
        Some("smtps://ada:********@mail.example:465")
    );
}

#[test]
fn a_replica_is_printed_without_its_password_and_refused_without_quoting_it() {
    let url = "postgres://denizen:pa55@standby.example/d";
    let loaded = load_environment(&[("DENIZEN_POSTGRES_REPLICA", url)]).unwrap();
    let text = loaded.to_toml();
    assert!(text.contains("replica = \"postgres://denizen:********@standby.example/d\""), "{text}");
    assert!(!text.contains("pa55") && !format!("{loaded:?}").contains("pa55"));
    for bad in ["sqlite:pa55.db", "postgres://denizen:pa55@standby.example/d?target_session_attrs=read-write"]
    {
        let refused = refusal(load_environment(&[("DENIZEN_POSTGRES_REPLICA", bad)]));
        assert!(
            refused.contains("cannot be used as a PostgreSQL URL") && !refused.contains("pa55"),
            "{refused}"
        );
    }
}

#[test]
fn a_store_in_postgresql_is_accepted_and_printed_with_all_its_hosts_but_without_its_password() {
    let url = "postgresql://denizen:pa55@one.example:5433,two.example:5434/d?target_session_attrs=any";
    let loaded = load_environment(&[("DENIZEN_STORE", url)]).unwrap();
    let shown = url.replace("pa55", "********");
    let Place::Postgres(used) = loaded.config.place() else { panic!("{:?}", loaded.config.place()) };
    assert_eq!(used.expose(), url);
    assert_eq!(loaded.config.place().to_string(), shown);
    let text = loaded.to_toml();
    assert!(text.lines().any(|line| line.starts_with(&format!("store = \"{shown}\""))), "{text}");
    assert!(!text.contains("pa55"));
}

#[test]
fn a_postgresql_url_is_refused_in_words_that_say_why_and_hold_no_password() {
    for (url, reason) in [
        ("postgres://denizen:pa55@one.example:port/d", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgres://denizen:pa55@one.example/d?sslmode=perhaps", "sslmode must be one of"),
        ("postgres:///denizen", "names no host"),
        ("postgres://one.example/denizen", "names no user"),
    ] {
        let message = refusal(load_environment(&[("DENIZEN_STORE", url)]));
        assert!(message.contains("environment DENIZEN_STORE") && message.contains(reason), "{message}");
        assert!(!message.contains("pa55"), "{message}");
    }
}

#[test]
fn a_found_file_cannot_move_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("denizen.toml"), "data = '/elsewhere'\n").unwrap();
    let environment = environment(&[("DENIZEN_DATA", folder.path().to_str().unwrap())]);
    // The variable overrides the file, so nothing is ambiguous.
    let loaded = load(Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!(loaded.config.data, folder.path());
}

#[test]
fn links_lead_to_an_address_that_can_be_opened() {
    let mut config = Config::default();
    assert_eq!(config.public_url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
    assert_eq!(config.public_url("[::]:81".parse().unwrap()), "http://[::1]:81");
    assert_eq!(config.public_url("10.1.2.3:81".parse().unwrap()), "http://10.1.2.3:81");
    config.public_url = Some("https://users.example.com/".to_owned());
    assert_eq!(config.public_url(config.listen), "https://users.example.com");
}

#[test]
fn rate_limits_are_found_by_operation() {
    let limits = &Config::default().rate_limits.by_operation()["amigo"];
    assert_eq!(limits["sign_in_with_api_key"], 5);
    assert_eq!(limits["assign_role"], 1000);
    assert_eq!(limits.len(), 26);
}

/// The rows of docs/configuration.md: key, variable, default, bounds.
fn documented() -> Vec<(String, String, String, String)> {
    let text = include_str!("../../../../docs/configuration.md");
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{line}");
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        rows.push((bare(cells[0]), bare(cells[1]), bare(cells[2]), cells[3].to_owned()));
    }
    rows
}

#[test]
fn the_documentation_lists_every_key_with_its_variable_default_and_bounds() {
    let expected: Vec<_> = keys::all()
        .into_iter()
        .map(|(key, default)| {
            let bounds = match keys::bounds(&key) {
                Some(number) => format!("{} to {} {}", number.min, number.max, number.unit),
                None if default.is_boolean() => "true or false".to_owned(),
                None if keys::is_list(&key) => "list of texts".to_owned(),
                None => "text".to_owned(),
            };
            let default = match default {
                Value::Null => "–".to_owned(),
                Value::String(text) => text,
                other => other.to_string(),
            };
            (key.clone(), keys::variable(&key), default, bounds)
        })
        .collect();
    let mut documented = documented();
    for row in &expected {
        assert!(documented.contains(row), "docs/configuration.md lacks or contradicts this row: {row:?}");
    }
    documented.retain(|row| !expected.contains(row));
    assert!(documented.is_empty(), "docs/configuration.md has rows for what does not exist: {documented:?}");
}
