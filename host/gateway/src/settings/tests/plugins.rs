//! What `[plugins]` and a pipeline's transforms say.

use super::*;

#[test]
fn a_plugin_that_is_not_there_is_named_with_its_path() {
    let text = refused(&with(
        "[[pipeline.klines.transform]]\npath = \"plugins/absent.wasm\"\n[[pipeline.klines.transform]]\npath = \".\"\nname = \"here\"",
    ));
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 2 problems
  because: snowgate.toml:13:8: plugin `plugins/absent.wasm` does not exist
     hint: a relative path starts at the folder of the configuration file
  because: snowgate.toml:15:8: plugin `.` is not a file

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}

#[test]
fn a_plugin_is_used_by_its_name_however_its_file_spells_it() {
    let folder = Folder::new();
    for file in ["symbol_filter", "kline-flatten"] {
        std::fs::create_dir_all(folder.dir.path().join("plugins")).unwrap();
        folder.write(&format!("plugins/{file}.wasm"), b"not looked into here");
    }
    let used = |used: &str| folder.load(&with(&format!("[[pipeline.klines.transform]]\nuse = \"{used}\"")));
    for (name, file) in [
        ("symbol-filter", "symbol_filter"),
        ("symbol_filter@0.1", "symbol_filter"),
        ("kline_flatten", "kline-flatten"),
        ("kline-flatten@=1.2.3", "kline-flatten"),
    ] {
        let settings = used(name).unwrap();
        let transform = &settings.pipelines[0].plugins[0];
        assert_eq!(transform.plugin.name, name.split('@').next().unwrap());
        assert_eq!(transform.plugin.path.file_stem().unwrap(), file);
        assert_eq!(transform.version.is_some(), name.contains('@'));
    }
    let problem = |name: &str| {
        let text = used(name).unwrap_err();
        text.lines().skip(1).take(2).map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        problem("symbol-fliter"),
        "because: snowgate.toml:13:7: there is no plugin `symbol-fliter` in `plugins`; hint: did you mean `symbol_filter`?"
    );
    assert_eq!(
        problem("other"),
        "because: snowgate.toml:13:7: there is no plugin `other` in `plugins`; \
         hint: the plugins there are `kline-flatten`, `symbol_filter`"
    );
    assert_eq!(
        problem("symbol-filter@new"),
        "because: snowgate.toml:13:7: `symbol-filter@new` asks for no version: unexpected character 'n' while parsing major version number; \
         hint: write `symbol-filter@1`, `symbol-filter@1.2` or `symbol-filter@=1.2.3`"
    );
    assert_eq!(
        problem("a/b.wasm"),
        "because: snowgate.toml:13:7: `a/b.wasm` is a file, and `use` takes the name of a plugin in `plugins`; \
         hint: write `path = \"a/b.wasm\"`"
    );
}

#[test]
fn a_transform_is_one_plugin_and_what_it_asks_for_is_there() {
    let text = refused(&with(
        "[[pipeline.klines.transform]]\nuse = \"a\"\npath = \"flatten.wasm\"\n[[pipeline.klines.transform]]\nuse = \"flatten\"\n\
         [[pipeline.klines.transform]]\npath = \"flatten.wasm\"\non_reject = \"dead_letter\"\non_trap = \"retry\"\n\
         limits = { start_time = \"1ms\", output_factor = 0 }\n[plugins]\nwatch = \"1ms\"\ncach = \"off\"",
    ));
    assert_eq!(
        text,
        r#"error: the configuration `snowgate.toml` has 8 problems
  because: snowgate.toml:12:1: `pipeline.klines.transform[0]` has both `use` and `path`
     hint: leave out one of them
  because: snowgate.toml:16:7: there is no plugin `flatten`: the folder `plugins` could not be read: No such file or directory (os error 2)
     hint: name the folder of plugins: `folder` in `[plugins]`
  because: snowgate.toml:19:13: `pipeline.klines.transform[2].on_reject` is `dead_letter`, but there is no dead letter topic
     hint: add `dead_letter_topic = "…"` to the pipeline
  because: snowgate.toml:20:11: `pipeline.klines.transform[2].on_trap` is `retry`, not one of `dead_letter`, `drop`, `block`
  because: snowgate.toml:21:25: `pipeline.klines.transform[2].limits.start_time` is 1ms, not from 10ms to 5m
  because: snowgate.toml:21:48: `pipeline.klines.transform[2].limits.output_factor` is 0, not from 1 to 1000
  because: snowgate.toml:23:9: `plugins.watch` is 1ms, not from 100ms to 1h
  because: snowgate.toml:24:1: unknown key `plugins.cach`
     hint: did you mean `cache`?

hint: change the file, then run `snowgate check --config snowgate.toml`
"#
    );
}
