//! The values that programs keep for the operator who calls.

use denizen_directory::operators::ConfigurationValue;
use denizen_directory::{ErrorCode, OpContext, Result};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole::Supervisor;
use denizen_domain::operator::{MAX_CONFIGURATION_KEY, MAX_CONFIGURATION_VALUE, MAX_CONFIGURATION_VALUES};
use denizen_store::operator_configuration;

use super::{ALPHA, BETA, GAMMA, LIVE, NOBODY, TEST, Team, admin, entry, invalid, plain, reaching, refusal};

struct Keeper {
    team: Team,
    ctx: OpContext,
}

impl Keeper {
    async fn new() -> Self {
        let team = Team::new().await;
        team.operator("ann@example.org", reaching(vec![entry(Supervisor, TEST, &[])])).await;
        let ctx = team.sign_in("ann@example.org").await;
        Self { team, ctx }
    }

    async fn set(&self, key: &str, value: &str, bot: Option<&str>) -> Result<ConfigurationValue> {
        self.team.server.directory().set_configuration_value(&self.ctx, key, value, bot).await
    }

    async fn get(&self, key: &str, bot: Option<Uuid>) -> Result<ConfigurationValue> {
        let bot = bot.map(|bot| bot.to_string());
        self.team.server.directory().configuration_value(&self.ctx, key, bot.as_deref()).await
    }
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with an answer")]
fn value(key: &str, value: &str, bot: Option<Uuid>) -> Result<ConfigurationValue> {
    Ok(ConfigurationValue { key: key.to_owned(), value: value.to_owned(), bot })
}

#[tokio::test]
async fn a_value_for_a_bot_goes_before_the_general_one_and_falls_back_to_it() {
    let keeper = Keeper::new().await;
    assert_eq!(refusal(keeper.get("theme", None).await), plain(ErrorCode::ConfigurationNotFound));
    let alpha = ALPHA.to_string().to_uppercase();
    assert_eq!(keeper.set("theme", "dark", Some(&alpha)).await, value("theme", "dark", Some(ALPHA)));
    assert_eq!(keeper.get("theme", Some(ALPHA)).await, value("theme", "dark", Some(ALPHA)));
    for bot in [None, Some(BETA), Some(NOBODY)] {
        assert_eq!(refusal(keeper.get("theme", bot).await), plain(ErrorCode::ConfigurationNotFound));
    }
    assert_eq!(keeper.set("theme", "light", Some("  ")).await, value("theme", "light", None));
    assert_eq!(keeper.get("theme", Some(ALPHA)).await, value("theme", "dark", Some(ALPHA)));
    for bot in [None, Some(BETA), Some(NOBODY)] {
        assert_eq!(keeper.get("theme", bot).await, value("theme", "light", None));
    }
    let directory = keeper.team.server.directory();
    for bot in ["", " ", "no id"] {
        let found = directory.configuration_value(&keeper.ctx, "theme", Some(bot)).await;
        assert_eq!(found, value("theme", "light", None), "{bot:?}");
    }
}

#[tokio::test]
async fn a_value_is_written_over_and_a_key_is_taken_as_it_is() {
    let keeper = Keeper::new().await;
    for text in ["1", "", "two\nlines"] {
        assert_eq!(keeper.set("a key", text, None).await, value("a key", text, None));
        assert_eq!(keeper.get("a key", None).await, value("a key", text, None));
    }
    let longest = "ü".repeat(MAX_CONFIGURATION_KEY);
    for key in [" a key", "A KEY", "📎;'\"--", longest.as_str()] {
        assert_eq!(refusal(keeper.get(key, None).await), plain(ErrorCode::ConfigurationNotFound));
        assert_eq!(keeper.set(key, key, None).await, value(key, key, None));
        assert_eq!(keeper.get(key, None).await, value(key, key, None));
    }
}

#[tokio::test]
async fn keys_values_and_bots_have_their_bounds() {
    let keeper = Keeper::new().await;
    for key in ["", " \n", "a\0b", &"x".repeat(MAX_CONFIGURATION_KEY + 1)] {
        assert_eq!(refusal(keeper.set(key, "1", None).await), invalid("key"));
        assert_eq!(refusal(keeper.get(key, None).await), invalid("key"));
    }
    let most = "x".repeat(MAX_CONFIGURATION_VALUE);
    keeper.set("key", &most, None).await.unwrap();
    for text in [format!("{most}x"), "a\0b".to_owned()] {
        assert_eq!(refusal(keeper.set("key", &text, None).await), invalid("value"));
    }
    assert_eq!(keeper.get("key", None).await, value("key", &most, None));
    for bot in [NOBODY.to_string(), TEST.to_string(), "no id".to_owned()] {
        assert_eq!(refusal(keeper.set("key", "1", Some(&bot)).await), invalid("bot"));
    }
}

#[tokio::test]
async fn a_bot_that_is_not_active_has_no_values_until_it_is_again() {
    let keeper = Keeper::new().await;
    let (team, gamma) = (&keeper.team, GAMMA.to_string());
    keeper.set("theme", "light", None).await.unwrap();
    keeper.set("theme", "dark", Some(&gamma)).await.unwrap();
    for is_bot in [true, false] {
        let set = async |is_active| {
            if is_bot {
                team.set_bot(GAMMA, LIVE, "Gamma", is_active).await;
            } else {
                team.set_environment(LIVE, "Live", is_active).await;
            }
        };
        set(false).await;
        assert_eq!(keeper.get("theme", Some(GAMMA)).await, value("theme", "light", None));
        assert_eq!(refusal(keeper.set("theme", "blue", Some(&gamma)).await), invalid("bot"));
        set(true).await;
        assert_eq!(keeper.get("theme", Some(GAMMA)).await, value("theme", "dark", Some(GAMMA)));
    }
}

#[tokio::test]
async fn values_are_those_of_the_operator_who_calls() {
    let keeper = Keeper::new().await;
    keeper.set("theme", "dark", None).await.unwrap();
    keeper.team.operator("bob@example.org", admin("").access).await;
    let ctx = keeper.team.sign_in("bob@example.org").await;
    let found = keeper.team.server.directory().configuration_value(&ctx, "theme", None).await;
    assert_eq!(refusal(found), plain(ErrorCode::ConfigurationNotFound));
    let other = Team::at(keeper.team.server.clone(), "globex").await;
    let theirs = Uuid([0xd; 16]);
    other.set_bot(theirs, TEST, "Delta", true).await;
    assert_eq!(refusal(keeper.set("theme", "1", Some(&theirs.to_string())).await), invalid("bot"));
}

#[tokio::test]
async fn an_operator_has_so_many_values_and_may_go_on_changing_them() {
    let keeper = Keeper::new().await;
    let (user, now) = (keeper.ctx.session.user_id, keeper.ctx.now);
    let fill = move |tx: &denizen_store::Tx<'_>| {
        for number in 0..MAX_CONFIGURATION_VALUES {
            operator_configuration::put(tx, user, &format!("key {number}"), None, "1", now)?;
        }
        Ok::<(), denizen_store::StoreError>(())
    };
    keeper.team.server.store().write(keeper.team.org.key_in_store().await, fill).await.unwrap();
    assert_eq!(refusal(keeper.set("one more", "1", None).await), plain(ErrorCode::LimitReached));
    let alpha = ALPHA.to_string();
    assert_eq!(refusal(keeper.set("key 0", "1", Some(&alpha)).await), plain(ErrorCode::LimitReached));
    assert_eq!(keeper.set("key 0", "2", None).await, value("key 0", "2", None));
}
