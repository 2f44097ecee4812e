//! Keeps the C bindings in `sdk-c/generated/`, which wit-bindgen writes from `wit/`.
//!
//! `SNOWGATE_BINDINGS=write cargo test -p snowgate-bindings` writes them; without it, the test says whether they are what `wit/` asks for.

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use wit_bindgen_core::Files;
    use wit_bindgen_core::wit_parser::Resolve;

    /// The component's type as an object file: `snowgate plugin build` takes the type from `wit/` instead.
    const LEFT_OUT: &str = "plugin_component_type.o";

    #[test]
    fn the_generated_bindings_are_those_of_the_interface() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(here.join("../../wit")).expect("wit/ is a package");
        let world = resolve.select_world(&[package], Some("plugin")).expect("wit/ has the world");
        let mut files = Files::default();
        wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files).expect("the world can be C");
        let write = env::var_os("SNOWGATE_BINDINGS").is_some_and(|what| what == "write");
        for (name, contents) in files.iter().filter(|(name, _)| *name != LEFT_OUT) {
            let file = here.join("../sdk-c/generated").join(name);
            if write {
                fs::write(&file, contents).expect("generated/ can be written");
            }
            let found = fs::read(&file).unwrap_or_default();
            assert!(found == contents, "{name} is not what wit/ asks for: SNOWGATE_BINDINGS=write cargo test -p snowgate-bindings");
        }
    }
}
