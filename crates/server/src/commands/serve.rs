//! `denizen serve`: opens everything in order, serves until a stop is requested, and closes everything in reverse.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use denizen_courier::Courier;
use denizen_directory::Directory;
use denizen_http::App;
use denizen_store::Store;
use tokio::net::TcpListener;

use crate::cli::Serve;
use crate::config::{Config, Loaded, Way, local_url};
use crate::refusal::{About, of_directory};
use crate::report::{self, Failure};
use crate::serve::{self, Background, Ended, Manager, Options, Signals, Statistics};
use crate::wiring::Opener;
use crate::{caution, demo, environment, installation, logging, wiring, worker};

/// How long threads that still write a file may take at the very end.
const LAST_WRITES: Duration = Duration::from_secs(2);

pub fn run(loaded: &Loaded, flags: &Serve) -> anyhow::Result<()> {
    let config = &loaded.config;
    let logging = logging::start(&config.log)?;
    let runtime = serve::runtime().context("the runtime cannot be started")?;
    let way = loaded.way();
    let serving: Pin<Box<dyn Future<Output = _>>> = Box::pin(until_stopped(config, &way, flags));
    let result = runtime.block_on(serving);
    runtime.shutdown_timeout(LAST_WRITES);
    if logging.dropped_lines() > 0 {
        tracing::warn!(
            lines = logging.dropped_lines(),
            "lines of the log were lost: nobody read them in time"
        );
    }
    result
}

async fn until_stopped(config: &Config, way: &Way, flags: &Serve) -> anyhow::Result<()> {
    // First, so that a signal during a long migration is a graceful stop too.
    let signals = Signals::listen(config.shutdown.drain()).context("signals cannot be listened for")?;
    // Before anything is made: a port that is taken is the most common mistake.
    let listener = serve::bind(config.listen).await?;

    installation::create_data_folder(config)?;
    let courier = wiring::courier(config, &wiring::mail_settings(config))?;
    let store = installation::open_store(config, Opener::Server)?;
    let result = Box::pin(over(store.clone(), config, way, flags, courier, listener, &signals)).await;
    // Last: whatever was acknowledged is on disk already; this copies the log into the database.
    store.close();
    let ended = result?;
    if ended.forced {
        return Err(Failure::new(
            format!("ended at once on a second signal; {} requests were cut off", ended.cut),
            "one signal is enough: in-flight requests get limits.shutdown_seconds to finish",
        )
        .into());
    }
    tracing::info!(cut = ended.cut, "stopped");
    Ok(())
}

/// Everything that happens while the store is open.
async fn over(
    store: Store,
    config: &Config,
    way: &Way,
    flags: &Serve,
    courier: Courier,
    listener: TcpListener,
    signals: &Signals,
) -> anyhow::Result<Ended> {
    let bound = listener.local_addr().context("the bound address")?;
    let manager = Manager::from_environment(|name| std::env::var_os(name), std::process::id())
        .context("the service manager cannot be told anything at NOTIFY_SOCKET")?;
    let warnings = store.warnings();
    let settings = wiring::directory_settings(config, bound);
    let directory =
        Directory::open(wiring::clusters(config, store, Opener::Server), environment::system(), settings)
            .await
            .map_err(|error| of_directory(&error, About::default()))?;
    if flags.demo {
        demo::prepare(&directory, config, way, bound).await.map_err(|error| match error
            .downcast_ref::<denizen_directory::Error>(
        ) {
            Some(cause) => of_directory(cause, About { org: "demo", ..About::default() }).into(),
            None => error,
        })?;
    }
    let organizations =
        directory.count_organizations().await.map_err(|error| of_directory(&error, About::default()))?;
    let app = App::new(directory, wiring::http_settings(config, bound));
    report::print(&format!(
        "denizen {} is listening on {}, its data is in {}\n",
        env!("CARGO_PKG_VERSION"),
        local_url(bound),
        config.home()
    ))?;
    if organizations == 0 {
        report::print(&format!(
            "There is no organization yet. This makes one, beside the running server: denizen org create SLUG --name NAME \
             --admin-email EMAIL{}\n{}`denizen serve --demo` makes one with people in it.\n",
            way.flags,
            way.remark()
        ))?;
    }
    tracing::info!(address = %bound, version = env!("CARGO_PKG_VERSION"), "listening");
    caution::warn(config, bound);
    if courier.has_google() {
        caution::warn_of_shared_accounts(config, organizations);
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(serve_app(config, app, courier, listener, signals, manager).await)
}

async fn serve_app(
    config: &Config,
    app: Arc<App>,
    courier: Courier,
    listener: TcpListener,
    signals: &Signals,
    manager: Manager,
) -> Ended {
    let statistics = Arc::new(Statistics::default());
    app.metrics().register(|registry| {
        serve::register(registry, Arc::clone(&statistics));
        serve::register_replicas(registry, app.directory.clone());
        serve::register_passwords(registry, app.directory.clone());
    });
    let router = denizen_http::router(Arc::clone(&app), &wiring::dialects());
    let mut background = Background::default();
    if !courier.has_google() {
        background.spawn("look for accounts", worker::look_for_accounts(Arc::clone(&app)));
    }
    background.spawn("job worker", worker::run(Arc::clone(&app), Arc::new(courier), signals.stop()));
    background.spawn("clusters", worker::watch_clusters(Arc::clone(&app), signals.stop()));
    background.spawn("housekeeping", worker::keep_house(Arc::clone(&app), signals.stop()));
    background.spawn("watchdog", manager.clone().watch(signals.stop()));
    // Whoever connects now waits for the loop below, and no longer for anything else.
    manager.ready();
    let stop = signals.stop();
    background.spawn("leaving", async move {
        stop.draining().await;
        manager.stopping();
        app.leave();
        stop.requested().await;
        app.end_streams();
    });
    let options = Options::from(&config.limits);
    let ended = serve::serve(listener, router, options, signals.stop(), statistics).await;
    let grace = if ended.forced { Duration::ZERO } else { config.limits.shutdown() };
    for task in background.finish(grace).await {
        tracing::warn!(
            task,
            "a background task did not end by itself; what it left is taken up at the next start"
        );
    }
    ended
}
