//! How many clients are connected, by protocol.

/// Counts one client connection as long as it lives.
pub struct Connected(metrics::Gauge);

impl Connected {
    /// One more, of this protocol.
    pub fn new(protocol: &'static str) -> Self {
        let gauge = metrics::gauge!(crate::audit::meters::CLIENT_CONNECTIONS, "protocol" => protocol);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
