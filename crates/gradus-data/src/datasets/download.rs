//! Downloads of data sets: files that appear in their place only when complete and checked.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use gradus_tensor::{Error, Result};

/// No packed file of the sets here is half as large.
const MAX_BYTES: u64 = 64 << 20;
/// A server that says nothing for this long is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Fetches `{url}/{file}.gz` into `dir` for each of `files`. Each is written beside its place and
/// moved there after `check`, which gets its path and its number.
///
/// # Errors
/// `Kind::Io` for network and file system; what `check` returns.
pub(crate) fn files(
    url: &str,
    files: &[&str],
    dir: &Path,
    check: &dyn Fn(&Path, usize) -> Result<()>,
) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_connect(Some(CONNECT_TIMEOUT)).build().into();
    for (number, file) in files.iter().enumerate() {
        let (url, place) = (format!("{url}/{file}.gz"), dir.join(format!("{file}.gz")));
        if place.is_file() {
            continue;
        }
        let at = |e: io::Error| Error::io(&place, e).within(format!("the download of {url}"));
        let mut part = tempfile::NamedTempFile::new_in(dir).map_err(at)?;
        let mut response = agent.get(&url).call().map_err(|e| at(e.into_io()))?;
        let mut body = response.body_mut().with_config().limit(MAX_BYTES).reader();
        io::copy(&mut body, &mut part).map_err(at)?;
        check(part.path(), number).map_err(|e| e.within(format!("the download of {url}")))?;
        part.persist(&place).map_err(|e| at(e.error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Serves `body` with `status` to `requests` connections; returns the address.
    fn serve(status: &'static str, body: &'static [u8], length: usize, requests: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        std::thread::spawn(move || {
            for stream in listener.incoming().take(requests).flatten() {
                let mut stream = stream;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(body);
            }
        });
        address
    }

    fn listed(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("readable").flatten();
        let mut names: Vec<String> =
            entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn complete_checked_files_take_their_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("new").join("toy");
        let url = serve("200 OK", b"content", 7, 2);
        let check = |path: &Path, _: usize| {
            assert_eq!(fs::read(path).expect("written"), b"content");
            Ok(())
        };
        files(&url, &["a", "b"], &target, &check).expect("served");
        assert_eq!(listed(&target), ["a.gz", "b.gz"]);
        // Nothing is asked for again: the server has gone.
        files(&url, &["a", "b"], &target, &check).expect("all there");
    }

    #[test]
    fn failures_leave_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        for (status, length, intact) in
            [("404 Not Found", 7, true), ("200 OK", 7000, true), ("200 OK", 7, false)]
        {
            let check = |path: &Path, _: usize| match intact {
                true => Ok(()),
                false => Err(Error::format(path, "idx", None, "checksum")),
            };
            let url = serve(status, b"content", length, 1);
            let error = files(&url, &["a"], dir.path(), &check).expect_err("refused");
            assert!(error.to_string().contains(&url), "{error}");
            assert!(listed(dir.path()).is_empty(), "{status} {length}");
        }
    }
}
