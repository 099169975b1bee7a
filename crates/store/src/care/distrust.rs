//! What is done so that layers are as they were made, also when the machine has lost its power. See `disk/synced.rs`.

use std::io;
use std::sync::atomic::Ordering;

use kukri_model::Digest;

use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::store::Inner;

impl Inner {
    /// Forgets layers above this one, and stacks with them, so that they are built anew from contents that are checked. Their
    /// directories go with the next collection.
    pub(crate) fn distrust(&self, trusted: u64) -> Result<()> {
        if self.last_layer() > trusted {
            let doomed =
                |(tree, layers): (Digest, Vec<u64>)| layers.iter().any(|id| *id > trusted).then_some(tree);
            let trees: Vec<Digest> = self.all_stacks()?.into_iter().filter_map(doomed).collect();
            tracing::info!(
                trees = trees.len(),
                "layers that may lack files are built anew when they are needed"
            );
            self.index.write("drop layers", |transaction| {
                let mut delete = transaction.prepare_cached("DELETE FROM stacks WHERE tree=?")?;
                trees.iter().try_for_each(|tree| delete.execute([tree.as_bytes()]).map(drop))?;
                transaction.execute("DELETE FROM layers WHERE id>?", [trusted as i64]).map(drop)
            })?;
        }
        self.distrust_objects()?;
        // On a full disk there is no room for it: then the same is done by the next engine.
        if let Err(error) = self.synced.note(trusted) {
            tracing::warn!(%error, "which layers are on the disk is not noted");
        }
        Ok(())
    }

    /// Sees to it that all that was written is on the disk, and notes that layers are. Best effort.
    pub(crate) fn sync(&self) {
        let _one = lock(&self.synced.syncing);
        // Before: what is made meanwhile may be too late.
        let (last, objects) = (self.last_layer(), self.synced.objects());
        let last_object = self.last_unsynced();
        let synced = rustix::fs::syncfs(self.layout.objects()).map_err(io::Error::from);
        let noted = synced.and_then(|()| {
            last_object.and_then(|last| self.forget_unsynced(last)).map_err(StoreError::into_io)?;
            self.synced.note_objects(objects);
            if last > self.synced.layer() { self.synced.note(last) } else { Ok(()) }
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "what is on the disk is not noted");
        }
    }

    /// The layer that was begun last; it is complete when it has a number.
    pub(crate) fn last_layer(&self) -> u64 {
        self.next_layer.load(Ordering::Acquire) - 1
    }
}
