//! Rust types for the worlds in `wit/`, generated, so the manual and the program cannot differ.
//!
//! Here is the version that plugins are built for today, and in [`v0_1`] the one before it.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
