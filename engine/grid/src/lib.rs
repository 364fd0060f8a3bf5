//! Signals: recorded traces and providers' APIs become series; series and their past become the
//! [`sunward_core::place::Outlook`] on which the brain decides.
//!
//! This room must not decide where anything runs, and must not give out a figure that was published
//! after the moment it is asked for.
