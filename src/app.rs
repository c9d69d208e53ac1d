//! (being written)

/// Runs the proxy until it is told to stop.
///
/// # Errors
/// Something it needs cannot be had.
pub async fn run(_config: crate::config::Config) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
