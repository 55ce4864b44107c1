//! Temperature, `top_p` and `top_k`, as far as a model takes them.

use sluice_types::{chat::Request, error::Failure};

use super::{dropped::Dropped, thinking::Sampling};

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::format) struct Sampled {
    pub(in crate::format) temperature: Option<f64>,
    pub(in crate::format) top_p: Option<f64>,
    pub(in crate::format) top_k: Option<u32>,
}

impl Sampled {
    /// What `request` asks for and a model takes whose family takes `sampling`; `thinks` says that it is asked to think.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(in crate::format) fn choose(
        request: &Request<'_>,
        sampling: Sampling,
        thinks: bool,
        dropped: &mut Dropped,
    ) -> Result<Self, Failure> {
        let temperature = request.temperature.filter(|_| sampling != Sampling::None);
        // A model that thinks keeps the usual temperature, and may leave only the unlikeliest tokens out.
        let temperature = temperature.filter(|temperature| !thinks || *temperature == 1.0);
        let top_p = request.top_p.filter(|top_p| match sampling {
            Sampling::Any => !thinks || 0.95 <= *top_p,
            Sampling::One => temperature.is_none() && (!thinks || 0.95 <= *top_p),
            Sampling::None => false,
        });
        let top_k = request.top_k.filter(|_| sampling != Sampling::None && !thinks);
        // 1 is what a provider does unasked: leaving it out loses nothing.
        let lost = |asked: Option<f64>| asked.is_some_and(|asked| asked != 1.0);
        dropped.add_if(temperature.is_none() && lost(request.temperature), "temperature")?;
        dropped.add_if(top_p.is_none() && lost(request.top_p), "top_p")?;
        dropped.add_if(top_k.is_none() && request.top_k.is_some(), "top_k")?;
        Ok(Self { temperature, top_p, top_k })
    }
}
