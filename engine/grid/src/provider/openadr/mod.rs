//! OpenADR 3.1 and 3.0, as the client (VEN) of a site's server (VTN): events become what a grid
//! operator asks of the site, its prices and its intensities.
//!
//! The answers are read by hand: an event that is not understood, or a field of one, is told by name
//! and leaves the others in force. See <https://www.openadr.org/specification> for the payload types,
//! their defaults and their units. Reports to the server are not made.

mod announced;
mod events;
mod overlap;
mod period;
mod read;
mod signal;
mod vtn;
mod wire;

pub use events::{Asked, Emitting, Events, Priced};
pub use vtn::Vtn;

pub(crate) use signal::OpenAdr;
pub(crate) use vtn::Given;
