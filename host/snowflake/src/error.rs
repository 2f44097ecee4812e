//! error
pub enum Error {}
