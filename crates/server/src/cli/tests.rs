//! What the command line takes and refuses, and that its help says how it is used.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn a_cluster_is_changed_only_where_something_is_to_change() {
    let refused = parse("denizen cluster set far").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::MissingRequiredArgument);
    let text = refused.to_string();
    assert!(text.contains("--url <URL>|--replica <URL>") && !text.contains("|NAME"), "{text}");
    assert!(parse("denizen cluster set far --no-replica --allow-nobody").is_ok());
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help_with_an_example() {
    fn visit(command: &clap::Command, path: &str, seen: &mut usize) {
        let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(
            example.contains(format!("denizen {path}").trim()),
            "no example in the help of `{path}`: {example}"
        );
        if command.get_subcommands().next().is_none() {
            assert!(command.get_about().is_some(), "{path} says nothing about itself");
            for argument in
                command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version"))
            {
                assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
            }
            *seen += 1;
        }
        for inner in command.get_subcommands().filter(|c| c.get_name() != "help") {
            visit(inner, format!("{path} {}", inner.get_name()).trim(), seen);
        }
    }
    let mut seen = 0;
    visit(&Cli::command(), "", &mut seen);
    assert_eq!(seen, 36);
}

#[test]
fn folder_and_file_are_accepted_before_and_after_every_command() {
    for line in [
        "denizen --data d --config c serve",
        "denizen serve --data d --config c",
        "denizen org list --data d --config c",
        "denizen org --data d list --config c",
        "denizen key revoke --org acme id --data d --config c",
        "denizen job list --data d --config c",
        "denizen config --data d --config c",
        "denizen openapi amigo --data d --config c",
    ] {
        let cli = parse(line).unwrap();
        assert_eq!(cli.flags().data, Some(PathBuf::from("d")), "{line}");
        assert_eq!(cli.global.config, Some(PathBuf::from("c")), "{line}");
    }
}

#[test]
fn serve_passes_its_flags_on_to_the_configuration() {
    let cli =
        parse("denizen serve --listen 127.0.0.1:0 --store sqlite:x.db --demo --no-rate-limits").unwrap();
    let flags = cli.flags();
    assert_eq!(flags.listen.as_deref(), Some("127.0.0.1:0"));
    assert_eq!(flags.store.as_deref(), Some("sqlite:x.db"));
    assert!(flags.no_rate_limits);
    let Command::Serve(serve) = cli.command else { panic!("not serve") };
    assert!(serve.demo);
}

#[test]
fn an_organization_is_created_with_all_its_settings() {
    let cli = parse(
        "denizen org create acme --name Acme --admin-email ada@acme.example --admin-first-name Ada --admin-last-name L \
         --verify-new-members --refuse-unverified-sign-in --allow-origin https://a.example --allow-origin https://b.example --json",
    )
    .unwrap();
    let Command::Org(Org::Create(create)) = cli.command else { panic!("not org create") };
    assert_eq!((create.slug.as_str(), create.name.as_str()), ("acme", "Acme"));
    assert_eq!(create.allow_origins, ["https://a.example", "https://b.example"]);
    assert!(create.verify_new_members && create.refuse_unverified_sign_in && create.output.json);
}

#[test]
fn changing_nothing_of_an_organization_is_refused() {
    assert_eq!(parse("denizen org set acme").unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
    assert_eq!(parse("denizen org set acme --json").unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
    let cli =
        parse("denizen org set acme --unverified-sign-in false --remove-origin https://a.example").unwrap();
    let Command::Org(Org::Set(set)) = cli.command else { panic!("not org set") };
    assert_eq!(set.unverified_sign_in, Some(false));
    assert_eq!(set.remove_origins, ["https://a.example"]);
}

#[test]
fn a_key_needs_a_role_a_name_and_an_end_and_a_token_none_of_them() {
    let line = |arguments: &str| format!("denizen key create --org acme{arguments}");
    for dialect in ["", " --dialect amigo"] {
        for missing in ["--role R", "--name n", "--days 7"] {
            let all = " --role R --name n --days 7".to_owned() + dialect;
            assert!(parse(&line(&all)).is_ok());
            let error = parse(&line(&all.replace(&format!(" {missing}"), ""))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument, "{dialect} {missing}");
        }
    }
    let cli = parse(&line(" --dialect dixa")).unwrap();
    let Command::Key(Key::Create(create)) = cli.command else { panic!("not key create") };
    assert_eq!((create.dialect, create.role, create.days), (Some(KeyDialect::Dixa), None, None));
    for (days, accepted) in [("0", false), ("1", true), ("36500", true), ("36501", false), ("x", false)] {
        assert_eq!(parse(&line(&format!(" --dialect dixa --expires-days {days}"))).is_ok(), accepted);
    }
}

#[test]
fn keys_are_listed_and_revoked_in_amigos_dialect_unless_another_is_named() {
    for (arguments, expected) in [("", KeyDialect::Amigo), (" --dialect dixa", KeyDialect::Dixa)] {
        let cli = parse(&format!("denizen key list --org acme{arguments}")).unwrap();
        let Command::Key(Key::List { dialect, .. }) = cli.command else { panic!("not key list") };
        assert_eq!(dialect, expected);
        for word in ["revoke", "delete"] {
            let cli = parse(&format!("denizen key {word} --org acme id{arguments}")).unwrap();
            let Command::Key(Key::Revoke { dialect, .. }) = cli.command else { panic!("not key revoke") };
            assert_eq!(dialect, expected);
        }
    }
    assert_eq!(
        parse("denizen key list --org acme --dialect admin").unwrap_err().kind(),
        ErrorKind::InvalidValue
    );
}

#[test]
fn an_unknown_command_or_dialect_is_refused() {
    assert_eq!(parse("denizen srve").unwrap_err().kind(), ErrorKind::InvalidSubcommand);
    assert_eq!(parse("denizen openapi friend").unwrap_err().kind(), ErrorKind::InvalidValue);
}
