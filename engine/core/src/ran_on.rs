//! The kind of device on which an attempt ran. Every result records it, because results of kernels
//! agree between devices only within their tolerance.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The kind of device that an attempt ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RanOn {
    /// The processor: a command without GPUs, or a kernel's CPU twin.
    #[default]
    Cpu,
    /// CUDA source that was compiled for the processor instead of a GPU.
    CudaOnCpu,
    /// GPUs of its own.
    Gpu {
        /// The names of their models, each once: `NVIDIA H100 80GB HBM3`.
        name: Arc<str>,
        /// The number of GPUs.
        count: u32,
        /// The driver's version, if it reports one: `570.86.15`.
        driver: Option<Arc<str>>,
    },
}

impl fmt::Display for RanOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::CudaOnCpu => f.write_str("CUDA on cpu"),
            Self::Gpu {
                name,
                count,
                driver,
            } => {
                if *count != 1 {
                    write!(f, "{count} x ")?;
                }
                f.write_str(name)?;
                match driver {
                    Some(driver) => write!(f, " (driver {driver})"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RanOn;

    #[test]
    fn it_reads_well_and_machines_get_its_parts() {
        let gpu = |count, driver: Option<&str>| RanOn::Gpu {
            name: "NVIDIA L4".into(),
            count,
            driver: driver.map(Into::into),
        };
        let all = [
            (RanOn::Cpu, "cpu", r#""cpu""#),
            (RanOn::CudaOnCpu, "CUDA on cpu", r#""cuda-on-cpu""#),
            (
                gpu(1, Some("570.86")),
                "NVIDIA L4 (driver 570.86)",
                r#"{"gpu":{"name":"NVIDIA L4","count":1,"driver":"570.86"}}"#,
            ),
            (
                gpu(2, None),
                "2 x NVIDIA L4",
                r#"{"gpu":{"name":"NVIDIA L4","count":2,"driver":null}}"#,
            ),
        ];
        for (ran_on, text, json) in all {
            assert_eq!(ran_on.to_string(), text);
            assert_eq!(serde_json::to_string(&ran_on).unwrap(), json);
        }
    }
}
