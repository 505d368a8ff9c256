//! Where slots are counted, in its row.

use windlass_domain::id::OrganizationId;
use windlass_domain::slot::{Gate, Slot};

use super::{Row, known};
use crate::Impossible;
use crate::columns::Id;

row! {
    /// The key of a row of `gate`.
    #[derive(Debug)]
    pub struct GateRow {
        organization_id: Id,
        slot: String,
        slot_of: String,
    }
}

impl Row for GateRow {
    type Kept = Gate;
    const TABLE: &'static str = "gate";

    fn name(&self) -> String {
        self.slot_of.clone()
    }

    fn kept(self) -> Result<Gate, Impossible> {
        Ok(Gate {
            slot: known("slot", &self.slot, Slot::parse)?,
            organization_id: OrganizationId::from_uuid(self.organization_id.0),
            of: self.slot_of,
        })
    }
}
