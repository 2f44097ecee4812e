//! Rust types for the world in `wit/`, generated. Nothing here is written by hand, so the manual and the program cannot differ.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
});
