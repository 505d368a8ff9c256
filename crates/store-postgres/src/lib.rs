//! The stores on PostgreSQL.
