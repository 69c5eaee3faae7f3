//! Where the programs are that the lab starts.

use crate::error::DriverError;
use std::path::{Path, PathBuf};

/// A program of somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `redis-server`.
    Redis,
    /// `postgres`; `initdb` and `pg_basebackup` stand beside it.
    Postgres,
    /// `haproxy`.
    Haproxy,
}

impl Program {
    /// All of them.
    pub const ALL: [Program; 3] = [Program::Redis, Program::Postgres, Program::Haproxy];

    /// The executable's name.
    pub fn executable(self) -> &'static str {
        match self {
            Program::Redis => "redis-server",
            Program::Postgres => "postgres",
            Program::Haproxy => "haproxy",
        }
    }

    /// Debian's package.
    pub fn package(self) -> &'static str {
        match self {
            Program::Redis => "redis-server",
            Program::Postgres => "postgresql",
            Program::Haproxy => "haproxy",
        }
    }

    /// The executable, on `PATH` or where Debian puts it.
    ///
    /// # Errors
    /// When it is in neither place; the error names what installs it.
    pub fn find(self) -> Result<PathBuf, DriverError> {
        let name = self.executable();
        let mut folders: Vec<PathBuf> =
            std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        let on_path = folders.len();
        folders.extend(self.other_places());
        let found = folders.iter().map(|folder| folder.join(name)).find(|path| is_executable(path));
        found.ok_or_else(|| DriverError::Missing {
            program: name.to_owned(),
            also: match folders.len() - on_path {
                0 => String::new(),
                _ => " and where the distributions put it".to_owned(),
            },
            hint: format!("on Debian: apt-get install {}", self.package()),
        })
    }

    fn other_places(self) -> Vec<PathBuf> {
        if self != Program::Postgres {
            return vec!["/usr/sbin".into(), "/usr/local/sbin".into()];
        }
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<(u32, PathBuf)> = versions
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        folders.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        folders.into_iter().map(|(_, folder)| folder).collect()
    }

    /// What it says of its version; empty when it says nothing.
    pub fn version(self) -> Result<String, DriverError> {
        let path = self.find()?;
        let flag = if self == Program::Haproxy { "-v" } else { "--version" };
        let output =
            std::process::Command::new(&path).arg(flag).output().map_err(|e| DriverError::io(&path, e))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
    }
}

/// One of the workspace's own programs, which stands beside the lab's executable.
///
/// # Errors
/// When it is not there: the workspace was built in part only.
pub fn own(name: &str) -> Result<PathBuf, DriverError> {
    let lab = std::env::current_exe().map_err(|e| DriverError::io(Path::new("the lab's executable"), e))?;
    let folders = lab.parent().into_iter().chain(lab.parent().and_then(Path::parent));
    folders
        .map(|folder| folder.join(name))
        .find(|path| is_executable(path))
        .ok_or_else(|| DriverError::NotBuilt { program: name.to_owned(), lab: lab.display().to_string() })
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
