//! placeholder
#[cfg(test)]
mod simulation;
pub mod partition;
fn main() {}
