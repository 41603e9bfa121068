//! What went wrong below, in words for the person at the terminal: the one table of the engine's errors and what to do
//! next.

use denizen_directory::{Error, ErrorCode};
use denizen_domain::text::ClusterName;
use denizen_store::{PostgresOptions, StoreError};

use crate::config::{Config, Place, SecretUrl};
use crate::report::Failure;

/// What a command was about, for messages that name it.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    pub org: &'a str,
    pub role: &'a str,
    pub key: &'a str,
}

/// An error of the rules.
pub fn of_directory(error: &Error, about: About<'_>) -> Failure {
    let About { org, role, key } = about;
    if let Some(cause) = error.cause() {
        return of_cause(cause);
    }
    match error.code {
        ErrorCode::OrganizationNotFound => Failure::new(
            format!("there is no organization {org}"),
            "`denizen org list` shows those that exist; `denizen org create` makes one",
        ),
        ErrorCode::OrganizationExists => Failure::new(
            format!("the organization {org} exists already"),
            "choose another short name; `denizen org list` shows those that are taken, and `denizen key create` makes \
             new credentials for one of them",
        ),
        ErrorCode::RoleNotFound => Failure::new(
            format!("the organization {org} has no role {role}"),
            "every organization begins with DefaultUserRole, DefaultAdministratorRole, DefaultAmigoAdministratorRole and \
             DefaultSuperAdministratorRole; others are made through the API",
        ),
        ErrorCode::ApiKeyNotFound => Failure::new(
            format!("the organization {org} has no API key {key}"),
            format!("`denizen key list --org {org}` shows those that exist"),
        ),
        ErrorCode::UserNotFound => Failure::new(
            error.text.clone(),
            format!(
                "a key is made in the name of a super administrator: `denizen org recover {org} --admin-email EMAIL` makes \
                 somebody one"
            ),
        ),
        ErrorCode::EmailTaken => {
            Failure::new(error.text.clone(), "choose another address, or change the user who has this one")
        }
        ErrorCode::LimitReached => Failure::new(
            error.text.clone(),
            format!("`denizen key list --org {org}`, then `denizen key revoke`"),
        ),
        ErrorCode::InvalidField | ErrorCode::ReservedName | ErrorCode::RoleNameTaken => {
            let field = error.field.join(".");
            let message =
                if field.is_empty() { error.text.clone() } else { format!("{field}: {}", error.text) };
            Failure::usage(message, "see the command's --help for what it accepts")
        }
        // The only business at a terminal that says what it is: another process that imports the same file.
        ErrorCode::OrganizationMoving => Failure::new(
            error.text.clone(),
            "wait until it has arrived: `denizen cluster list` shows the moves that are under way",
        ),
        ErrorCode::ClusterNotFound => {
            Failure::new("there is no such cluster", "`denizen cluster list` shows those that there are")
        }
        ErrorCode::Busy if error.text != Error::from(ErrorCode::Busy).text => Failure::new(
            error.text.clone(),
            "let the other one finish; if it stops, the same command goes on where it was",
        ),
        ErrorCode::Busy => Failure::new(
            "the store is busy: another process writes to it",
            "try again in a moment; if it stays busy, see which process has the file open, or what PostgreSQL is busy with",
        ),
        ErrorCode::Unavailable => Failure::new(
            "the store cannot be read or written",
            "a full disk and a PostgreSQL that does not answer are the common causes",
        ),
        ErrorCode::OutcomeUnknown => Failure::new(
            "the connection to the database was lost at the very end, so nobody knows whether it was done",
            LOOK_FIRST,
        ),
        ErrorCode::Internal => Failure::new(error.text.clone(), LOOK_OVER),
        // None of these can come out of a command, which acts without a caller.
        ErrorCode::InvalidCredentials
        | ErrorCode::Forbidden
        | ErrorCode::Unverified
        | ErrorCode::VariableNotFound
        | ErrorCode::LinkNotFound
        | ErrorCode::TokenExpired
        | ErrorCode::AccountNotFound
        | ErrorCode::AccountTaken
        | ErrorCode::ExternalEventNotFound
        | ErrorCode::ContactNotFound
        | ErrorCode::AttributeDefinitionNotFound
        | ErrorCode::ConversationNotFound
        | ErrorCode::MessageNotFound
        | ErrorCode::ConversationOpen
        | ErrorCode::AnonymizationNotFound
        | ErrorCode::ConfigurationNotFound
        | ErrorCode::EnvironmentNotFound
        | ErrorCode::TooManyAttempts
        | ErrorCode::PhoneTaken => Failure::new(
            error.text.clone(),
            "this is a defect of denizen: please report it with the command you ran",
        ),
    }
}

const LOOK_FIRST: &str = "look before you repeat it: `denizen org list`, `denizen org show` and `denizen key list` show what is there";
const LOOK_OVER: &str = "`denizen check` looks the database over, and a full disk is a common cause";

/// What went wrong in a store that was opened well.
fn of_cause(cause: &StoreError) -> Failure {
    let hint = match cause {
        // `main`, which is open, says so only on PostgreSQL, and a cluster beside it on either engine.
        StoreError::Refused(text) if text.contains("its control store lies in another one") => {
            "name the database in which the installation was begun, with --data or --store"
        }
        StoreError::Unreachable(text) | StoreError::Refused(text) if is_of_cluster(text) => LOOK_AT_CLUSTERS,
        StoreError::Unreachable(text) | StoreError::Refused(text) => hint_of_postgres(text),
        StoreError::Io(_) => "a full disk, or one that is not mounted, is the common cause",
        StoreError::OutcomeUnknown(_) => LOOK_FIRST,
        _ => LOOK_OVER,
    };
    Failure::new(cause.to_string(), hint)
}

/// An error while the store was opened.
pub fn of_store(error: &StoreError, config: &Config) -> Failure {
    of_store_at(error, &config.place())
}

/// The same of a cluster beside `main`, which --store does not name.
pub fn of_cluster_at(error: &StoreError, name: &ClusterName, place: &Place) -> Failure {
    let hint = match (error, place) {
        (StoreError::Refused(text), _) if is_of_cluster(text) => LOOK_AT_CLUSTERS,
        (StoreError::Io(_) | StoreError::Unreachable(_) | StoreError::Refused(_), Place::Sqlite(_)) => {
            "the folder must exist and be writable for this user, its disk must be mounted and not be full, and of a cluster that \
             is there already the file must be, too"
        }
        (StoreError::Corrupt(_), _) => "this is no database of denizen, or it is damaged: name another URL",
        _ => return of_store_at(error, place),
    };
    Failure::new(format!("the cluster {name} cannot be opened at {place}: {}", reason(error)), hint)
}

const LOOK_AT_CLUSTERS: &str = "`denizen cluster list` shows where each cluster is and whether it answers, and `denizen cluster set` changes \
                                where one is";

/// Whether an error says of itself that it is about a cluster beside `main`, on whichever engine.
fn is_of_cluster(text: &str) -> bool {
    let said = [
        "no tables of denizen",
        "has no replicas",
        "the database of the cluster",
        "registered as the cluster",
    ];
    // What PostgreSQL says of one leads to what is to be done about that.
    said.iter().any(|words| text.contains(words))
        || text.starts_with("the cluster ") && !text.contains("server")
}

/// What an error says where it is told that a store cannot be opened.
pub fn reason(error: &StoreError) -> String {
    match error {
        // Nothing has been read that could hold an unexpected value: the store as a whole is not right.
        StoreError::Corrupt(text) | StoreError::Io(text) | StoreError::Refused(text) => text.clone(),
        error => error.to_string(),
    }
}

/// The same of a store that lies elsewhere.
fn of_store_at(error: &StoreError, place: &Place) -> Failure {
    let hint = match (error, place) {
        (StoreError::TooNew { .. }, _) => "start the denizen that last used this store, or a newer one",
        (StoreError::Busy, _) => {
            "another process writes to it for a long time, perhaps a migration: try again in a moment"
        }
        (
            StoreError::Io(text) | StoreError::Unreachable(text) | StoreError::Refused(text),
            Place::Postgres(_),
        ) => hint_of_postgres(text),
        (StoreError::Io(_) | StoreError::Unreachable(_) | StoreError::Refused(_), Place::Sqlite(_)) => {
            "the folder must exist and be writable for this user, and its disk must not be full; --data or --store \
             name another place"
        }
        (StoreError::OutcomeUnknown(_), _) => "start again: what is missing is done then, and nothing twice",
        (StoreError::Corrupt(_), Place::Postgres(_)) => {
            "this is no database of denizen, or it is damaged: name another with --store, or restore a backup into a new one"
        }
        (StoreError::Corrupt(_), Place::Sqlite(_)) => {
            "the file is damaged or is no database of denizen: put a backup in its place, or name another with --store"
        }
        (
            StoreError::Constraint(_)
            | StoreError::Barred
            | StoreError::Closed
            | StoreError::Interrupted
            | StoreError::Internal(_),
            _,
        ) => "this is a defect of denizen: please report it with this message",
    };
    let reason = match error {
        StoreError::Unreachable(text) => match place {
            Place::Postgres(url) if text.contains(LOOKUP) => format!("{text}{}", sought(url)),
            _ => text.clone(),
        },
        error => reason(error),
    };
    Failure::new(format!("cannot open the store {place}: {reason}"), hint)
}

const POOLER: &str = "leave the pooler out, since denizen pools by itself, or set its pool_mode to session";

const LOOKUP: &str = "failed to lookup address";

/// Which hosts were looked up, for the error does not say it.
fn sought(url: &SecretUrl) -> String {
    PostgresOptions::parse(url.expose())
        .map(|options| format!(" (of {})", options.hosts()))
        .unwrap_or_default()
}

/// What to do about a PostgreSQL that cannot be used, by the code that it gave or by the words of either side.
fn hint_of_postgres(text: &str) -> &'static str {
    // These say more than the code that they come with.
    let by_special_words = [
        (
            "no encryption",
            "pg_hba.conf on the server does not let this role in from here unencrypted: sslmode=verify-full in the URL \
             encrypts the connection",
        ),
        (
            "permission denied for schema",
            "the role of the URL must be allowed to make tables: ALTER DATABASE name OWNER TO role, or \
             GRANT CREATE ON SCHEMA public TO role",
        ),
        (
            "for role",
            "the role has a limit of connections and has them all: ALTER ROLE role CONNECTION LIMIT number, or lower the \
             numbers of connections under `postgres`",
        ),
        (
            "for database",
            "the database has a limit of connections and has them all: ALTER DATABASE name CONNECTION LIMIT number, or \
             lower the numbers of connections under `postgres`",
        ),
        (
            "denizen needs UTF8",
            "make another database and name it: CREATE DATABASE name OWNER role ENCODING 'UTF8' TEMPLATE template0",
        ),
        ("hands out single transactions", POOLER),
        (
            "CaUsedAsEndEntity",
            "the server's certificate is an authority itself: make it with basicConstraints=CA:FALSE; docs/operations.md \
             has the command",
        ),
        (
            "UnsupportedCertVersion",
            "the server's certificate is version 1 and has no subjectAltName: make one that names the host so; \
             docs/operations.md has the command",
        ),
        (
            LOOKUP,
            "the host must be known to this machine; what is special in a password is written %XX in a URL, `@` as %40 and \
             `/` as %2F, or its end is taken for the host",
        ),
    ];
    let by_code = [
        (
            "28P01",
            "user or password is wrong: correct them in the URL; what is special in a URL is written %XX in it",
        ),
        (
            "28000",
            "the role does not exist, or pg_hba.conf on the server does not let it in from this machine in this way",
        ),
        ("3D000", "make the database first, owned by the role of the URL: CREATE DATABASE name OWNER role"),
        (
            "42501",
            "the tables belong to another role, as which somebody ran the first command: reassign them with \
             REASSIGN OWNED BY other TO role (where the other is postgres itself: ALTER TABLE … OWNER TO role for each), or \
             connect as that role",
        ),
        (
            "3F000",
            "the database must have the schema public, or the role a search_path to another: CREATE SCHEMA public",
        ),
        (
            "53300",
            "every connection of the server is taken: raise its max_connections, or lower the numbers of connections \
             under `postgres`",
        ),
        ("57P03", "the server is starting, stopping or a standby: try again in a moment"),
        (
            "25006",
            "that server takes no writes: name the primary, or all hosts in one URL, of which it is then chosen",
        ),
        ("53100", "the disk of the server is full"),
        // Prepared by another client, in a session that was handed on.
        ("42P05", POOLER),
    ];
    let by_words = [
        (
            "ertificate",
            "the server's certificate must be trusted and name the host: sslrootcert=FILE in the URL names the authority, \
             sslmode=disable does without TLS",
        ),
        ("password missing", "the server asks for a password: postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("TLS", "sslmode=disable in the URL connects without TLS, to a server that offers none"),
        (
            "does not allow writes",
            "that server takes no writes: name all hosts in one URL, of which the primary is then chosen",
        ),
        (
            "is not read only",
            "denizen writes: leave target_session_attrs out of the URL, and the primary is chosen",
        ),
    ];
    let special = by_special_words.iter().find(|(words, _)| {
        // The names of roles and databases stand in many messages.
        text.contains(words) && (!words.starts_with("for ") || text.contains("(53300)"))
    });
    let coded = by_code.iter().find(|(code, _)| text.contains(&format!("({code})")));
    let worded = by_words.iter().find(|(words, _)| text.contains(words));
    special.or(coded).or(worded).map_or(
        "PostgreSQL must run and be reachable from here: look at host and port in the URL, at listen_addresses on the \
         server, and at firewalls between",
        |(_, hint)| hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_import_of_the_same_file_is_not_mistaken_for_a_busy_store() {
        let text = "The same file is being imported by somebody else";
        let failure = of_directory(&Error::with_text(ErrorCode::Busy, text), About::default());
        assert_eq!(failure.to_string(), text);
        assert!(failure.hint().contains("let the other one finish"), "{}", failure.hint());
        let failure = of_directory(&ErrorCode::Busy.into(), About::default());
        assert!(failure.to_string().starts_with("the store is busy"), "{failure}");
    }

    #[test]
    fn what_is_said_of_a_cluster_leads_to_the_clusters_and_not_to_another_engine() {
        let of = |error: StoreError| of_cause(&error).hint().to_owned();
        for text in [
            "the database of the cluster far has not answered yet",
            "the database has no tables of denizen",
            "the cluster far: the database could not be read or written: /srv/far.db: No such file or directory",
        ] {
            assert_eq!(of(StoreError::Unreachable(text.to_owned())), LOOK_AT_CLUSTERS);
            assert_eq!(of(StoreError::Refused(text.to_owned())), LOOK_AT_CLUSTERS);
        }
        let wrong = "the cluster far: password authentication failed for user \"d\" (28P01)";
        assert!(hint_of_postgres(wrong).contains("user or password"));
        let name = ClusterName::parse("far").unwrap();
        let gone = StoreError::Io("/srv/far.db: No such file or directory".to_owned());
        let failure = of_cluster_at(&gone, &name, &Place::Sqlite("/srv/far.db".into()));
        assert!(failure.to_string().starts_with("the cluster far cannot be opened"), "{failure}");
        assert!(!failure.hint().contains("--store"), "{}", failure.hint());
    }

    #[test]
    fn what_postgresql_says_leads_to_what_to_do() {
        for (text, expected) in [
            ("password authentication failed for user \"denizen\" (28P01)", "user or password"),
            ("database \"denizen\" does not exist (3D000)", "CREATE DATABASE"),
            ("permission denied for schema public (42501)", "GRANT CREATE"),
            ("permission denied for table schema_migration (42501)", "REASSIGN OWNED BY"),
            ("must be owner of table users (42501)", "belong to another role"),
            (
                "no pg_hba.conf entry for host \"::1\", user \"d\", no encryption (28000)",
                "sslmode=verify-full",
            ),
            (
                "no pg_hba.conf entry for host \"::1\", user \"d\", SSL encryption (28000)",
                "does not let it in",
            ),
            ("sorry, too many clients already (53300)", "max_connections"),
            ("too many connections for role \"d\" (53300)", "ALTER ROLE"),
            ("too many connections for database \"d\" (53300)", "ALTER DATABASE"),
            ("its encoding is LATIN1, and denizen needs UTF8", "TEMPLATE template0"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "CA:FALSE"),
            ("invalid peer certificate: Other(OtherError(UnsupportedCertVersion))", "subjectAltName"),
            (
                "error connecting to server: failed to lookup address information: Name or service not known",
                "%2F",
            ),
            ("error connecting to server: Connection refused (os error 111)", "must run"),
            ("error performing TLS handshake: invalid peer certificate: UnknownIssuer", "sslrootcert"),
            ("prepared statement \"s0\" already exists (42P05)", "pool_mode"),
            ("a pooler on the way hands out single transactions, and denizen needs sessions", "pool_mode"),
            ("error connecting to server: database does not allow writes", "name all hosts"),
            ("error performing TLS handshake: server does not support TLS", "sslmode=disable"),
        ] {
            assert!(hint_of_postgres(text).contains(expected), "{text}: {}", hint_of_postgres(text));
        }
    }
}
