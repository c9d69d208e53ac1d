//! Reads the files of a rules directory. Compiling them is `policy/rules`.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// No rules file is larger than this, in bytes.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// Every `*.yaml` and `*.yml` file of a directory (not of directories below it), or the one file: name and text, sorted
/// by name. Names that begin with a dot are left out, because editors and Kubernetes keep their own there.
pub fn read(path: &Path) -> Result<Vec<(String, String)>> {
    if !path.is_dir() {
        return Ok(vec![read_one(path)?]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| named(path, &error))? {
        let file = entry?.path();
        let hidden = file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !hidden {
            files.push(read_one(&file)?);
        }
    }
    files.sort();
    Ok(files)
}

fn read_one(file: &Path) -> Result<(String, String)> {
    let size = fs::metadata(file).map_err(|error| named(file, &error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, format!("`{}` is larger than 4 MiB", file.display())));
    }
    let text = fs::read_to_string(file).map_err(|error| named(file, &error))?;
    Ok((file.display().to_string(), text))
}

fn named(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("`{}` cannot be read: {error}", path.display()))
}
