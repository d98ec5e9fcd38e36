//! The command line: dev · serve · rest · types · migrate · check · schema · policies · keys.
#![expect(clippy::large_futures, reason = "there is one of each in a process")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use walkie::config::{
    ApiKey, ApiKeyKind, AuthSettings, Command, CommandLine, DEVELOPMENT_API_KEYS,
    DEVELOPMENT_JWT_SECRET, DatabaseSettings, Dev, HttpSettings, IdentitySettings, IssuerSettings,
    MailSettings, Policies, PoolSettings, PushSettings, Settings, StandaloneArguments,
    StorageSettings, unknown_variables,
};
use walkie::embedded::{Cluster, Kind, SUPERUSER};
use walkie::identity::{Keys, generate_key, keys, unix_now};
use walkie::pg::catalog::load;
use walkie::pg::{Pg, Target, install, names, pool};
use walkie::realtime::authorize::analysis;
use walkie::standalone::config::{Sources, example};
use walkie::{observe, server, standalone, typescript};

/// The people and conversations of the demo, the same that the tests know.
const CAST: &str = include_str!("../tests/cast.sql");

/// In 2032, in seconds since 1970.
const DEVELOPMENT_KEYS_EXPIRE: i64 = 1_983_812_996;

/// Where a developer runs what others have on the internet.
const OWN_HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// Requests make and drop much that is small; bursts of work (password hashing above all) must be
/// given back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Bursts fill memory anew that the one before gave back: in pages of 2 MiB most of the time
    // goes into zeroing what is not used. Where the system knows none there is nothing to refuse.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => {
            eprintln!("walkie: .env: {error}");
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    let asked = CommandLine::parse().command;
    let done = runtime(&asked).context("no threads").and_then(|it| it.block_on(command(asked)));
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("walkie: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The threads that a command works on. Of a REST request nearly all is Postgres's work, and each
/// thread that is woken for the rest takes from it: half of the cores are enough.
fn runtime(command: &Command) -> io::Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    if let (Command::Rest(_), Ok(cores)) = (command, available_parallelism()) {
        runtime.worker_threads(cores.get().div_ceil(2));
    }
    runtime.enable_all().build()
}

async fn command(command: Command) -> anyhow::Result<ExitCode> {
    if let [first, ..] = unknown_variables().as_slice() {
        bail!("{first} is no setting; walkie serve --help lists them all");
    }
    match command {
        Command::Dev(dev) => develop(*dev).await?,
        Command::Serve(settings) => serve(*settings).await?,
        Command::Rest(arguments) => return serve_rest(arguments).await,
        Command::Types { database_url, schemas } => print_types(database_url, &schemas).await?,
        Command::Migrate(database) => {
            let changed = server::migrate(database.migrate_url(), database.platform_only).await?;
            println!("{}", if changed { "installed" } else { "nothing to do" });
        }
        Command::Check(database) => return check(&database).await,
        Command::Schema { platform_only } => print!("{}", install::schema(platform_only)),
        Command::Policies(Policies::Explain { table, database }) => {
            explain_policies(&database, table.as_deref()).await?;
        }
        Command::Keys { identity, valid_days } => {
            print_keys(&Keys::new(&identity.jwt_secret), valid_days)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    observe::start(&settings.log)?;
    let weakness = settings.identity.weakness().or_else(|| settings.storage.front.weakness());
    if let Some(weakness) = weakness {
        bail!(weakness);
    }
    server::migrate(settings.database.migrate_url(), settings.database.platform_only).await?;
    let address = (settings.http.host, settings.http.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("port {} cannot be used; choose another with WALKIE_PORT", address.1)
    })?;
    tracing::info!(host = %address.0, port = address.1, "serving");
    let (shutdown, at_once) = shutdown_signals()?;
    until(at_once, async { Ok(server::run(listener, settings, shutdown).await?) }).await
}

/// The REST dialect alone, or what else was asked about it.
async fn serve_rest(arguments: StandaloneArguments) -> anyhow::Result<ExitCode> {
    let sources = Sources { file: arguments.file };
    if arguments.example {
        print!("{}", example());
    } else if arguments.dump_config {
        let (config, unasked) = sources.ask().await?;
        if let Some(error) = unasked {
            eprintln!("walkie: the database was not asked for settings: {error}");
        }
        print!("{}", config.file());
    } else if arguments.dump_schema {
        println!("{}", standalone::dump_schema(&sources).await?);
    } else if arguments.ready {
        let Some(admin) = sources.read(&BTreeMap::new())?.admin else {
            bail!("there is no admin server: set admin-server-port");
        };
        let (url, is_ready) = standalone::ready(&admin).await.context("nothing answers there")?;
        if !is_ready {
            bail!("not ready: {url}");
        }
        println!("OK: {url}");
    } else {
        let (shutdown, at_once) = shutdown_signals()?;
        let serving = async { Ok(standalone::run(sources, shutdown).await?) };
        until(at_once, serving).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The TypeScript type of what REST serves.
async fn print_types(database_url: String, schemas: &[String]) -> anyhow::Result<()> {
    let settings = DatabaseSettings {
        migrate_database_url: None,
        platform_only: true,
        pool: PoolSettings { pool_size: 1, pool_wait_ms: 10_000, statement_timeout_ms: 0 },
        database_url,
    };
    let pg = Pg::new(&settings, &schemas.join(","))?;
    pg.reload(schemas).await?;
    let mut client = pool::connect(&Target::new(&settings.database_url, "types")?).await?;
    let described = load::describe(&mut client, schemas).await?;
    print!("{}", typescript::database(&described, &pg.catalog(), schemas));
    Ok(())
}

async fn develop(dev: Dev) -> anyhow::Result<()> {
    observe::start(&dev.log)?;
    let (shutdown, at_once) = shutdown_signals()?;
    let listener = TcpListener::bind(("127.0.0.1", dev.port)).await.with_context(|| {
        format!("port {} cannot be used; choose another with --port or WALKIE_PORT", dev.port)
    })?;
    let cluster =
        Cluster::start(&dev.postgres, &dev.data, Kind::Kept { port: dev.db_port }).await?;
    let outcome = until(at_once, develop_on(&cluster, listener, &dev, shutdown)).await;
    cluster.stop().await;
    outcome
}

/// The server runs with the rights it has in production, not as the superuser.
async fn develop_on(
    cluster: &Cluster,
    listener: TcpListener,
    dev: &Dev,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let administrator = cluster.url(SUPERUSER, "postgres");
    server::migrate(&administrator, dev.platform_only).await?;
    let has_demo = !dev.no_demo && !dev.platform_only;
    if has_demo {
        let client = pool::connect(&Target::new(&administrator, "demo")?).await?;
        client.batch_execute(CAST).await.context("the demo could not be loaded")?;
    }
    let identity = IdentitySettings {
        jwt_secret: DEVELOPMENT_JWT_SECRET.to_owned(),
        jwt_keys: None,
        api_keys: DEVELOPMENT_API_KEYS.map(ApiKey::read).into(),
    };
    print_welcome(dev, &keys(&identity)?, has_demo)?;
    let settings = Settings {
        database: DatabaseSettings {
            database_url: cluster.url(names::LOGIN_ROLE, "postgres"),
            migrate_database_url: Some(administrator),
            platform_only: dev.platform_only,
            pool: dev.pool.clone(),
        },
        http: HttpSettings {
            host: std::net::Ipv4Addr::LOCALHOST.into(),
            port: dev.port,
            public_url: None,
            limits: dev.limits.clone(),
        },
        identity,
        issuer: IssuerSettings::default(),
        log: dev.log.clone(),
        rest: dev.rest.clone(),
        auth: developers(dev.auth.clone()),
        // Nobody but the developer reaches it, so mail may be shown.
        mail: MailSettings { inbox: true, ..dev.mail.clone() },
        push: developers_push(dev.push.clone()),
        embedding: dev.embedding.clone(),
        realtime: dev.realtime.clone(),
        storage: beside(dev.storage.clone(), &dev.data),
        scan: dev.scan.clone(),
    };
    server::run(listener, settings, shutdown).await?;
    Ok(())
}

/// Files rest beside the database that knows them, and S3 clients find the well-known keys.
fn beside(mut storage: StorageSettings, data: &Path) -> StorageSettings {
    storage.storage_dir.get_or_insert_with(|| data.join("storage"));
    storage.front = storage.front.or_development();
    storage
}

/// Providers that run beside the server are found where they are.
fn developers(mut auth: AuthSettings) -> AuthSettings {
    auth.providers.auth_private_hosts.extend(OWN_HOSTS.map(str::to_owned));
    auth
}

/// So are push services.
fn developers_push(mut push: PushSettings) -> PushSettings {
    push.push_private_hosts.extend(OWN_HOSTS.map(str::to_owned));
    push
}

fn print_welcome(dev: &Dev, keys: &Keys, has_demo: bool) -> anyhow::Result<()> {
    println!("API URL           http://127.0.0.1:{}", dev.port);
    for role in ["anon", "service_role"] {
        // The same claims as the Supabase CLI's local keys: theirs work here too.
        let claims =
            json!({ "iss": "supabase-demo", "role": role, "exp": DEVELOPMENT_KEYS_EXPIRE });
        println!("{:<17} {}", format!("{role} key"), keys.sign(&claims)?);
    }
    for (name, key) in ["publishable", "secret"].iter().zip(DEVELOPMENT_API_KEYS) {
        println!("{:<17} {key}", format!("{name} key"));
    }
    if dev.mail.smtp_host.is_none() {
        println!("Mail              http://127.0.0.1:{}/inbox", dev.port);
    }
    println!("Database URL      postgresql://postgres:postgres@127.0.0.1:{}/postgres", dev.db_port);
    if has_demo {
        println!("Logins            ana@example.com and bo@example.com, password walkie-demo");
    }
    println!("Stop with Ctrl-C. Data stay in {}.", dev.data.display());
    Ok(())
}

/// Says how policies are understood.
async fn explain_policies(database: &DatabaseSettings, table: Option<&str>) -> anyhow::Result<()> {
    let target = Target::new(&database.database_url, "policies")?;
    let pool = pool::pool(target, 2, database.pool.wait());
    let told = analysis::explain::explain(&pool, table).await?;
    let Some(told) = told else { bail!("there is no such table, or nothing is published") };
    print!("{told}");
    Ok(())
}

/// Lines for an .env file.
fn print_keys(keys: &Keys, valid_days: u32) -> anyhow::Result<()> {
    let now = unix_now();
    for (name, role) in [("ANON_KEY", "anon"), ("SERVICE_ROLE_KEY", "service_role")] {
        let expires = now + i64::from(valid_days) * 86_400;
        let claims = json!({ "iss": "walkie", "role": role, "iat": now, "exp": expires });
        println!("{name}={}", keys.sign(&claims)?);
    }
    let made = [ApiKeyKind::Publishable, ApiKeyKind::Secret].map(|kind| {
        let random = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
        format!("{}{random}", kind.prefix())
    });
    println!("PUBLISHABLE_KEY={}\nSECRET_KEY={}", made[0], made[1]);
    println!("# These two count once the server knows them:\nWALKIE_API_KEYS={}", made.join(","));
    println!("# A key that makes tokens without the secret: others verify them by jwks.json");
    println!("#WALKIE_JWT_KEYS={}", generate_key());
    Ok(())
}

/// Prints what lacks and what drifted; fails when the server could not work.
async fn check(database: &DatabaseSettings) -> anyhow::Result<ExitCode> {
    let client = pool::connect(&Target::new(&database.database_url, "check")?)
        .await
        .context("the server's role cannot log in (walkie migrate makes authenticator)")?;
    let mut findings = install::requirements(&client).await?;
    if findings.is_empty() {
        if !install::is_installed(&client, database.platform_only).await? {
            println!("warning  installation\n  not at this version\n  run: walkie migrate");
        }
        findings = install::check(&client).await?;
    }
    for found in &findings {
        println!("{}  {}\n  {}\n  {}", found.severity, found.subject, found.finding, found.remedy);
    }
    let cannot_work = findings.iter().any(|found| found.severity == "error");
    if findings.is_empty() {
        println!("nothing to mend");
    }
    Ok(if cannot_work { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Ctrl-C or SIGTERM, and a second of them, which waits for nobody.
fn shutdown_signals() -> anyhow::Result<(CancellationToken, CancellationToken)> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let tokens = (CancellationToken::new(), CancellationToken::new());
    let (first, second) = tokens.clone();
    tokio::spawn(async move {
        for token in [first, second] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(tokens)
}

/// Works until it is done, or must end at once.
async fn until(
    at_once: CancellationToken,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let done = at_once.run_until_cancelled(work).await;
    done.unwrap_or_else(|| bail!("ended at once, as a second signal asked"))
}
