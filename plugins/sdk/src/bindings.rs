//! The plugin interface as Rust types, generated from `wit/`. Plugins use what is around it.

wit_bindgen::generate!({
    path: "../../wit",
    world: "plugin",
    pub_export_macro: true,
    runtime_path: "::snowgate_plugin::rt",
    default_bindings_module: "::snowgate_plugin::bindings",
});
