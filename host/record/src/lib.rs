//! The words that every Snowgate crate shares.
//!
//! In reading order: [`offset`] holds the only arithmetic on offsets, [`batch`] the records of one partition as flat columns,
//! [`error_class`] what a failure means to the pipeline, whoever raised it.

pub mod batch;
pub mod error_class;
pub mod offset;

pub use batch::{Column, ColumnError, Headers, Record, RecordBatch, TimestampType};
pub use error_class::ErrorClass;
pub use offset::{Offset, OffsetRange, TopicPartition};
