//! How long an organization takes to move from SQLite to PostgreSQL and to SQLite again, by the rules that `denizen org move`
//! goes by: table by table, how fast rows go over, and for how long writes are refused.

use std::fmt::Write as _;
use std::fs;
use std::future::pending;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use denizen_directory::clusters::{Allowed, NewCluster};
use denizen_directory::organizations::{FirstAdmin, NewOrganization};
use denizen_directory::relocation::{MoveOrder, MoveStep};
use denizen_directory::{Directory, DirectorySettings};
use denizen_domain::ids::{ObjectId, OrgKey, UserId};
use denizen_domain::member::{Directory as UserDirectory, Preferences};
use denizen_domain::text::{ClusterName, Email, Slug};
use denizen_store::clusters::registry::Cluster;
use denizen_store::memories::{self, Memory};
use denizen_store::relocation::Phase;
use denizen_store::users::{self, NewUser};
use denizen_store::{
    Clusters, Conn, PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions, Tx, control, roles,
};

use crate::data::people::{As, member_id, person};
use crate::data::{NOW, System};

const MEMORIES: usize = 3;
const BATCH: usize = 1_000;
const SLUG: &str = "moving";

fn new_user(number: usize, role_id: ObjectId) -> NewUser {
    let person = person(As::Member, 0, number);
    NewUser {
        directory: UserDirectory::Members,
        user_id: UserId::from_object_id(ObjectId::parse(&member_id(0, number)).expect("an id")),
        email: Email::parse(&person.email).expect("an address"),
        first_name: person.first_name,
        last_name: person.last_name,
        role_id,
        is_verified: true,
        preferences: Preferences::default(),
        open_variables: [].into(),
        secret_variables: [].into(),
    }
}

fn memory(user: UserId, number: usize) -> Memory {
    let id = |kind: u8| {
        let mut id = [kind; 12];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        ObjectId(id)
    };
    Memory {
        memory_id: id(1),
        user_id: user,
        conversation_id: id(2),
        created_at: NOW,
        references: vec![id(3)],
        content: format!("Prefers to be called in the afternoon, and asked about offer {number} twice."),
        context: "Said so when the delivery was late; wants a receipt by mail.".to_owned(),
    }
}

async fn fill(store: &Store, org: OrgKey, users: usize) -> anyhow::Result<()> {
    let role = store.read(org, |conn: &Conn<'_>| roles::find_by_name(conn, "DefaultUserRole")).await?;
    let role = role.context("the default role")?.role_id;
    for from in (0..users).step_by(BATCH) {
        let add = move |tx: &Tx<'_>| {
            for number in from..(from + BATCH).min(users) {
                let user = new_user(number, role);
                users::import(tx, &user, &[], NOW, NOW)?;
                for one in 0..MEMORIES {
                    memories::insert(tx, &memory(user.user_id, number * MEMORIES + one), &[5; 16], NOW)?;
                }
            }
            Ok::<_, StoreError>(())
        };
        store.write(org, add).await?;
    }
    Ok(())
}

/// When the last rows of a table were done, by phase and table, in the order in which they were.
type Times = Vec<((Phase, &'static str), u64, Instant)>;

async fn relocate(title: &str, directory: &Directory, target: &ClusterName) -> anyhow::Result<()> {
    let begun = Instant::now();
    let times: Mutex<Times> = Mutex::default();
    let note = |step: MoveStep| {
        let MoveStep::Table(step) = step else { return };
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (step.phase, step.table);
        match times.last_mut() {
            Some(last) if last.0 == place => *last = (place, step.rows, Instant::now()),
            _ => times.push((place, step.rows, Instant::now())),
        }
    };
    let order = MoveOrder { slug: SLUG.to_owned(), target: target.clone(), wait_seconds: 60 };
    let moved = directory
        .move_organization(&order, pending(), &note)
        .await
        .map_err(|error| anyhow!("{title}: {error}"))?;
    let mut text = format!(
        "{title}: {} rows in {:.1} s, {:.0} rows/s; copied in {:.1} s; writes were refused for {:.1} s\n",
        moved.rows,
        moved.seconds,
        moved.rows as f64 / moved.seconds,
        moved.copy_seconds,
        moved.refused_seconds
    );
    let mut before = begun;
    for ((phase, table), rows, at) in times.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let seconds = at.duration_since(before).as_secs_f64();
        before = at;
        if rows > 100 {
            writeln!(
                text,
                "  {phase:?} {table}: {rows} rows, {seconds:.2} s, {:.0} rows/s",
                rows as f64 / seconds
            )?;
        }
    }
    print!("{text}");
    Ok(())
}

fn open(cluster: &Cluster) -> Result<Store, StoreError> {
    let options = match cluster.url.strip_prefix("sqlite:") {
        Some(path) => StoreOptions::from(SqliteOptions::new(path)),
        None => PostgresOptions::parse(&cluster.url).map_err(StoreError::Refused)?.into(),
    };
    Store::open(options, NOW)
}

async fn run(folder: &Path, users: usize, url: &str) -> anyhow::Result<()> {
    let main = Store::open(SqliteOptions::new(folder.join("main.db")), NOW)?;
    let stores = Clusters::new(main.clone(), Arc::new(|cluster: &Cluster, _| open(cluster)));
    let directory = Directory::open(stores, System::environment(), DirectorySettings::default()).await?;
    let (server, file) = (ClusterName::parse("server")?, ClusterName::parse("file")?);
    let back = format!("sqlite:{}", folder.join("back.db").display());
    for (name, url) in [(&server, url), (&file, back.as_str())] {
        let new = NewCluster {
            name: name.clone(),
            url: url.to_owned(),
            replica_url: None,
            allowed: Allowed::Everyone,
        };
        directory.add_cluster(new).await.map_err(|error| anyhow!("{name}: {error}"))?;
    }
    let admin = FirstAdmin {
        email: Email::parse("admin@moving.example")?,
        first_name: "First".to_owned(),
        last_name: "Administrator".to_owned(),
    };
    let new = NewOrganization::named(Slug::parse(SLUG)?, "Moving");
    directory.create_organization(new, admin, &ClusterName::MAIN).await?;
    let found = main.read(OrgKey::CONTROL, |conn: &Conn<'_>| control::find_by_slug(conn, SLUG)).await?;
    let begun = Instant::now();
    fill(&main, found.context("the organization")?.org, users).await?;
    println!("made {users} users with {MEMORIES} memories each in {:.0} s", begun.elapsed().as_secs_f64());
    relocate("SQLite to PostgreSQL", &directory, &server).await?;
    relocate("PostgreSQL to SQLite", &directory, &file).await?;
    directory.close();
    Ok(())
}

pub(crate) fn measure(folder: &Path, users: usize, url: &str) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("a runtime")?;
    let result = runtime.block_on(run(folder, users, url));
    fs::remove_dir_all(folder)?;
    result
}
