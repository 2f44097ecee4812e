//! The words that every Snowgate crate shares.
//!
//! In reading order: [`offset`] holds the only arithmetic on offsets, [`column`] byte strings in one buffer, [`batch`] the records of
//! one partition as such columns, [`error_class`] what a failure means to the pipeline, whoever raised it. [`scan`] looks at the text of
//! records, many bytes at once.

pub mod batch;
pub mod column;
pub mod error_class;
pub mod offset;
pub mod scan;

pub use batch::{Headers, PatternId, Record, RecordBatch, TimestampType};
pub use column::{Column, ColumnError};
pub use error_class::ErrorClass;
pub use offset::{Offset, OffsetRange, TopicPartition};
