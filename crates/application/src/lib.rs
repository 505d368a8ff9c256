//! Use cases of Windlass and the ports that they need.
