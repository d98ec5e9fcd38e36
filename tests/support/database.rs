//! A throw-away cluster per run, two templates in it, and a clone of one per test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tokio::sync::{OnceCell, oneshot};
use tokio_postgres::{Client, SimpleQueryMessage};
use walkie::config::PostgresBinaries;
use walkie::embedded::{Cluster, Kind, SUPERUSER};
use walkie::pg::{Target, install, names, pool};

const PLATFORM: &str = "template_platform";
const PRODUCT: &str = "template_product";

/// Where the cluster is reached.
struct Urls {
    superuser: String,
    login: String,
}

static CLUSTER: OnceCell<Urls> = OnceCell::const_new();

/// Databases are cloned one at a time: a template takes no second guest.
static CLONING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// One test at a time lets commits wait.
static HOLDING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Commits of sessions with `synchronous_commit = on` wait, all over the cluster: they are in the
/// log, and nobody sees them.
pub struct HeldCommits<'a> {
    database: &'a Database,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// A database of the test's own.
pub struct Database {
    name: String,
    client: Client,
}

impl Database {
    /// With the product and the cast.
    pub async fn new() -> Self {
        Self::clone_of(PRODUCT).await
    }

    /// With the platform alone: an empty `public`.
    pub async fn scratch() -> Self {
        Self::clone_of(PLATFORM).await
    }

    /// With the product, and nothing that only tests bring.
    pub async fn installed() -> Self {
        let database = Self::empty().await;
        install::install(&database.client, false).await.unwrap_or_else(|error| panic!("{error}"));
        database
    }

    /// With nothing at all.
    pub async fn empty() -> Self {
        Self::clone_of("template0").await
    }

    async fn clone_of(template: &str) -> Self {
        let urls = cluster().await;
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        {
            let _one_at_a_time = CLONING.lock().await;
            let client = connect(&urls.superuser, "postgres").await;
            client
                .batch_execute(&format!("create database {name} template {template}"))
                .await
                .expect("the template can be cloned");
        }
        let client = connect(&urls.superuser, &name).await;
        Self { name, client }
    }

    /// Its name; also good as the name of a slot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// URL as the superuser.
    pub async fn url(&self) -> String {
        format!("{}/{}", cluster().await.superuser, self.name)
    }

    /// URL as the role that servers log in with.
    pub async fn login_url(&self) -> String {
        format!("{}/{}", cluster().await.login, self.name)
    }

    /// Another connection as the superuser.
    pub async fn connect(&self) -> Client {
        connect(&cluster().await.superuser, &self.name).await
    }

    /// Lets commits wait for a standby that there is not.
    pub async fn hold_commits(&self) -> HeldCommits<'_> {
        let alone = HOLDING.lock().await;
        self.sql("alter system set synchronous_standby_names = 'nobody'").await;
        self.sql("select pg_reload_conf()").await;
        HeldCommits { database: self, _alone: alone }
    }

    /// Runs statements as the superuser.
    pub async fn sql(&self, sql: &str) {
        if let Err(error) = self.client.batch_execute(sql).await {
            panic!("{sql}\n{error:?}");
        }
    }

    /// Takes it away, with its server's slot and with roles of its own, for programs that make
    /// thousands. The server must have stopped.
    pub async fn remove(self, roles: &[&str]) {
        let postgres = connect(&cluster().await.superuser, "postgres").await;
        let slot = format!("select from pg_replication_slots where slot_name = '{}'", self.name);
        let is_held = format!("{slot} and active");
        super::eventually("the slot is free", || async {
            rows(&postgres, &is_held).await.ok()?.is_empty().then_some(())
        })
        .await;
        let mut statements = vec![
            format!("select pg_drop_replication_slot('{0}') where exists ({slot})", self.name),
            format!("drop database {} with (force)", self.name),
        ];
        statements.extend(roles.iter().map(|role| format!("drop role {role}")));
        for sql in statements {
            rows(&postgres, &sql).await.unwrap_or_else(|error| panic!("{sql}\n{error:?}"));
        }
    }

    /// The topic of a conversation of the cast, by its name.
    pub async fn topic(&self, name: &str) -> String {
        let id = self.value(&format!("select tests.conversation('{name}')")).await;
        format!("conversation:{id}")
    }

    /// The answer of a query as the superuser, as text.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        rows(&self.client, sql).await.unwrap_or_else(|error| panic!("{sql}\n{error:?}"))
    }

    /// The only value of a query.
    pub async fn value(&self, sql: &str) -> String {
        let mut rows = self.rows(sql).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows.remove(0).remove(0).unwrap_or_default()
    }
}

impl HeldCommits<'_> {
    /// Waits until a commit in this database waits; gives its process.
    pub async fn waits(&self) -> String {
        let waiting = "select pid from pg_stat_activity
                        where datname = current_database() and wait_event = 'SyncRep'";
        super::eventually("a commit waits", || async {
            self.database.rows(waiting).await.into_iter().flatten().flatten().next()
        })
        .await
    }

    /// Lets them go on.
    pub async fn release(self) {
        let pid = self.waits().await;
        self.database.sql("alter system reset synchronous_standby_names").await;
        self.database.sql("select pg_reload_conf()").await;
        self.database.sql(&format!("select pg_cancel_backend({pid})")).await;
    }
}

/// The rows of a simple query, as text.
pub async fn rows(
    client: &Client,
    sql: &str,
) -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
        }
        _ => None,
    });
    Ok(rows.collect())
}

async fn connect(url: &str, database: &str) -> Client {
    let config = Target::new(&format!("{url}/{database}"), "tests").expect("a URL");
    pool::connect(&config).await.expect("the cluster takes connections")
}

async fn cluster() -> &'static Urls {
    CLUSTER.get_or_init(start).await
}

/// The cluster lives on a thread of its own, since every test has its own runtime; it ends with
/// the process, which its watcher notices.
async fn start() -> Urls {
    let (ready, started) = oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let folder = std::env::temp_dir().join(format!("walkie-tests-{}", std::process::id()));
            let cluster = Cluster::start(&PostgresBinaries::from_env(), &folder, Kind::ThrownAway)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
            let url = |role| cluster.url(role, "").trim_end_matches('/').to_owned();
            let urls = Urls { superuser: url(SUPERUSER), login: url(names::LOGIN_ROLE) };
            make_templates(&urls).await;
            assert!(ready.send(urls).is_ok(), "the tests are gone");
            std::future::pending::<()>().await;
            drop(cluster);
        });
    });
    started.await.expect("the cluster starts")
}

async fn make_templates(urls: &Urls) {
    let main = connect(&urls.superuser, "postgres").await;
    main.batch_execute(&format!("create database {PLATFORM}")).await.expect("platform");
    let platform = connect(&urls.superuser, PLATFORM).await;
    install::install(&platform, true).await.unwrap_or_else(|error| panic!("{error}"));
    drop(platform);

    main.batch_execute(&format!("create database {PRODUCT}")).await.expect("product");
    let product = connect(&urls.superuser, PRODUCT).await;
    install::install(&product, false).await.unwrap_or_else(|error| panic!("{error}"));
    for file in [include_str!("tap.sql"), include_str!("../cast.sql")] {
        product.batch_execute(file).await.unwrap_or_else(|error| panic!("{error:?}"));
    }
    drop(product);
    // A template must have no guests when it is cloned.
    for template in [PLATFORM, PRODUCT] {
        let guests = format!("select from pg_stat_activity where datname = '{template}'");
        while !rows(&main, &guests).await.expect("activity").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
