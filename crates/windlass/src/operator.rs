//! What an operator does, as the audit names it.

use windlass_application::Operator;
use windlass_domain::Timestamp;

use crate::replica;

/// One act of an operator on this machine.
pub(crate) fn act(now: Timestamp) -> Operator {
    // A machine that does not know its name has none in the audit; nobody is kept from acting.
    Operator::now(now, replica::host_name().ok())
}
