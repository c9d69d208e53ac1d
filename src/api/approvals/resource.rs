//! The approval as the API shows it: what is stored, plus how far the stages are and where to find it.

use serde::{Deserialize, Serialize};

use crate::gate::approval::{Approval, Review, Verdict};
use crate::policy::ruling::Stage;

/// An approval as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What is stored.
    #[serde(flatten)]
    pub approval: Approval,
    /// How far each stage is, in the order of `request.stages`.
    pub progress: Vec<Progress>,
    /// Where.
    pub links: Links,
}

/// How far one stage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// Any of these groups.
    pub groups: Vec<String>,
    /// Distinct people needed.
    pub needed: u16,
    /// Distinct people who said yes and count here.
    pub have: u16,
}

/// Where to find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Links {
    /// This resource.
    #[serde(rename = "self")]
    pub itself: String,
    /// The page about it.
    pub page: String,
}

impl Resource {
    /// Dresses a stored approval for the outside.
    pub fn new(approval: Approval, public_url: &str) -> Self {
        let progress = progress(&approval.request.stages, &approval.reviews);
        let id = &approval.id;
        let links = Links { itself: format!("{public_url}/v1/approvals/{id}"), page: format!("{public_url}/a/{id}") };
        Self { approval, progress, links }
    }
}

/// Who counts where, for display: each person once, in the first stage that still lacks somebody of the person's groups.
fn progress(stages: &[Stage], reviews: &[Review]) -> Vec<Progress> {
    let mut filled: Vec<Progress> =
        stages.iter().map(|stage| Progress { groups: stage.groups.clone(), needed: stage.needed, have: 0 }).collect();
    for review in reviews.iter().filter(|review| review.verdict == Verdict::Approve) {
        let open = filled
            .iter_mut()
            .find(|stage| stage.have < stage.needed && stage.groups.iter().any(|group| review.groups.contains(group)));
        if let Some(stage) = open {
            stage.have += 1;
        }
    }
    filled
}
