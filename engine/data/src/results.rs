//! The shared index: results by task key in the remote store. Through it, runs and sites that share
//! a bucket share work. It is only a hint: the journal commits results, and losing entries here
//! costs only time.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use sunward_core::{Digest, TaskResult};

use crate::error::DataError;
use crate::record;
use crate::store::Store;

/// The most results that may wait to be written. Further results are dropped.
const WAITING: usize = 65_536;

/// The shared index of a store's remote. Without a remote it is empty and stores nothing.
#[derive(Debug)]
pub struct ResultIndex {
    store: Store,
    writer: Option<Writer>,
}

#[derive(Debug)]
struct Writer {
    send: SyncSender<(Digest, TaskResult)>,
    thread: JoinHandle<()>,
}

impl ResultIndex {
    /// Opens the index of a store.
    ///
    /// # Errors
    ///
    /// Fails if no thread can be started.
    pub fn open(store: &Store) -> Result<Self, DataError> {
        let writer = match store.remote() {
            None => None,
            Some(_) => Some(Writer::start(store.clone())?),
        };
        Ok(Self {
            store: store.clone(),
            writer,
        })
    }

    /// The known results of these keys. A result with missing parts does not count.
    ///
    /// # Errors
    ///
    /// Fails if the remote does not answer.
    pub fn get(&self, keys: &[Digest]) -> Result<Vec<Option<TaskResult>>, DataError> {
        let Some(remote) = self.store.remote() else {
            return Ok(vec![None; keys.len()]);
        };
        let texts = remote.results(keys)?;
        let records = keys.iter().zip(texts);
        records
            .map(|(key, text)| {
                let known = text.and_then(|text| match record::read(key, &text) {
                    Ok(result) => Some(result),
                    Err(why) => {
                        remote.refuse_result(why);
                        None
                    }
                });
                match known {
                    Some(result) if self.is_whole(&result)? => Ok(Some(result)),
                    _ => Ok(None),
                }
            })
            .collect()
    }

    fn is_whole(&self, result: &TaskResult) -> Result<bool, DataError> {
        for port in &result.ports {
            if !self.store.is_available(port)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stores a result in the background.
    pub fn put(&self, key: Digest, result: &TaskResult) {
        if let Some(writer) = &self.writer
            && let Err(TrySendError::Full(_)) = writer.send.try_send((key, result.clone()))
        {
            tracing::debug!(%key, "the shared index is behind; a result is not noted in it");
        }
    }

    /// Waits until all results are written.
    pub fn flush(self) {
        if let Some(writer) = self.writer {
            drop(writer.send);
            let _ = writer.thread.join();
        }
    }
}

impl Writer {
    fn start(store: Store) -> Result<Self, DataError> {
        let (send, receive) = sync_channel::<(Digest, TaskResult)>(WAITING);
        let thread = std::thread::Builder::new()
            .name("sunward-results".into())
            .spawn(move || {
                let Some(remote) = store.remote() else {
                    return;
                };
                while let Ok(first) = receive.recv() {
                    // All waiting results are written as one batch.
                    let batch: Vec<_> = std::iter::once(first)
                        .chain(receive.try_iter())
                        .filter_map(|(key, result)| {
                            record::write(&key, &result).map(|text| (key, text.into()))
                        })
                        .collect();
                    if let Err(error) = remote.put_results(&batch) {
                        tracing::warn!(%error, "results are not shared");
                    }
                }
            })
            .map_err(DataError::io(
                "start a thread for",
                "the shared index".as_ref(),
            ))?;
        Ok(Self { send, thread })
    }
}
