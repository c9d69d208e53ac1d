//! Tells people and programs what becomes of approvals: webhooks, e-mail, Slack, Teams.
//!
//! Every change of an approval is kept by the store in the step that makes it. The [`planner`] turns changes into
//! [`outbox::Delivery`]s, one per channel, and a [`courier`] per channel carries them out. Nothing here can keep the gate
//! waiting, and a channel that fails decides nothing: the approval stays as it is, until people decide or it expires.

pub mod channel;
pub mod content;
mod courier;
pub mod email;
pub mod event;
pub mod http;
pub mod notifier;
pub mod outbox;
mod planner;
pub mod slack;
pub mod teams;
pub mod webhook;
