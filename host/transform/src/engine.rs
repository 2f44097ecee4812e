//! The wasm engine and its clock.
//!
//! One engine serves every plugin of the process, but for very large ones, which have a second. Cranelift compiles a component once, when it
//! is loaded, or its code comes from the cache; each worker then has an instance of its own. Memory is allocated on demand: instances live as
//! long as their worker, so a pool would save nothing but the 30 µs after a fault.
//!
//! Time is counted in epochs: a thread raises the engines' epochs every tick, and compiled code looks at it on every loop and call.
//!
//! Invariant: the clock runs as long as any clone of an engine, or any plugin it compiled, is alive.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, EngineWeak, Inlining, OptLevel, Store};

use crate::cache::{Cache, Entry, compatibility};
use crate::component::Binary;
use crate::config::EngineSettings;
use crate::error::Error;
use crate::fault::FRAMES;
use crate::host::HostState;
use crate::version;

/// The clock's step: how late a plugin's time limit may strike. A hundred wake-ups a second are not worth counting.
const TICK: Duration = Duration::from_millis(10);

/// Stack of one plugin call. A worker's own stack must hold this and the host's frames; threads have 2 MiB.
const STACK_BYTES: usize = 512 * 1024;

/// From this size on a component is compiled without inlining. To inline, the compiler holds all functions at once: for the 18 MB of a
/// plugin in Python 8 GB, where one after the other takes 0.4 GB.
const LARGE_BYTES: usize = 8 * 1024 * 1024;

/// Compiles plugins and stops those that overstay. Clones share what they are made of.
#[derive(Clone)]
pub struct Engine {
    runtime: Arc<Runtime>,
    /// Takes the place of `runtime` for large components.
    large: Arc<Runtime>,
    cache: Option<Arc<Cache>>,
    metered: bool,
}

/// What components are compiled by and run on: wasmtime loads no code that was compiled with other settings.
struct Runtime {
    wasm: wasmtime::Engine,
    linker: Linker<HostState>,
    /// What its code is known by in the cache.
    compatibility: String,
    inlining: Inlining,
}

impl Engine {
    pub fn new(settings: &EngineSettings) -> Result<Engine, Error> {
        let failed = |source: wasmtime::Error| Error::Engine { source: source.into() };
        let cache = settings.cache.as_deref().and_then(|folder| match Cache::open(folder) {
            Ok(cache) => Some(Arc::new(cache)),
            Err(error) => {
                warn!(folder = %folder.display(), error = %error, "the plugin cache is not used, each start compiles all plugins");
                None
            }
        });
        let runtime = Arc::new(Runtime::new(settings, Inlining::Yes).map_err(failed)?);
        let large = Arc::new(Runtime::new(settings, Inlining::No).map_err(failed)?);
        let clocks = [runtime.wasm.weak(), large.wasm.weak()];
        std::thread::Builder::new()
            .name("plugin-clock".into())
            .spawn(move || {
                while clocks.iter().filter_map(EngineWeak::upgrade).map(|engine| engine.increment_epoch()).count() > 0 {
                    std::thread::sleep(TICK);
                }
            })
            .map_err(|source| Error::Engine { source: source.into() })?;
        Ok(Engine { runtime, large, cache, metered: settings.metered })
    }

    /// The engine for this component.
    pub(crate) fn of(&self, component: &Binary) -> Engine {
        let runtime = if component.bytes.len() < LARGE_BYTES { &self.runtime } else { &self.large };
        Engine { runtime: runtime.clone(), ..self.clone() }
    }

    /// Takes a component's code from the cache, or compiles it and puts it there. The cache may fail, and then only costs time.
    pub(crate) fn compile(&self, plugin: &str, component: &Binary) -> wasmtime::Result<Component> {
        let runtime = &*self.runtime;
        let entry = self.cache.as_ref().map(|cache| cache.entry(component, &runtime.compatibility));
        if let Some(found) = entry.as_ref().and_then(|entry| runtime.find(plugin, entry)) {
            return Ok(found);
        }
        let started = Instant::now();
        // By an engine of its own: the compiler keeps its working memory, 100 MB and more, as long as its engine lives.
        let code = wasmtime::Engine::new(&config(self.metered, runtime.inlining))?.precompile_component(&component.bytes)?;
        // SAFETY: these bytes come from the line above, from an engine of the same version and configuration.
        let compiled = unsafe { Component::deserialize(&runtime.wasm, &code) }?;
        info!(plugin, "plugin compiled in {:.0?}", started.elapsed());
        if let Some(entry) = entry
            && let Err(error) = entry.write(&code)
        {
            warn!(plugin, file = %entry.path().display(), error = %error, "a compiled plugin could not be put into the cache");
        }
        Ok(compiled)
    }

    /// Before a call: fuel without end. It is counted here, and time is what limits a call.
    pub(crate) fn refuel(&self, store: &mut Store<HostState>) {
        if self.metered {
            store.set_fuel(u64::MAX).expect("a metered engine consumes fuel");
        }
    }

    /// Fuel used since `refuel`; 0 unless the engine is metered.
    pub(crate) fn fuel_used(&self, store: &Store<HostState>) -> u64 {
        if self.metered { u64::MAX - store.get_fuel().expect("a metered engine consumes fuel") } else { 0 }
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.runtime.wasm
    }

    pub(crate) fn linker(&self) -> &Linker<HostState> {
        &self.runtime.linker
    }
}

impl Runtime {
    fn new(settings: &EngineSettings, inlining: Inlining) -> wasmtime::Result<Runtime> {
        let wasm = wasmtime::Engine::new(&config(settings.metered, inlining))?;
        let mut linker = Linker::new(&wasm);
        version::add_to_linker(&mut linker)?;
        let compatibility = compatibility(&wasm);
        Ok(Runtime { wasm, linker, compatibility, inlining })
    }

    fn find(&self, plugin: &str, entry: &Entry<'_>) -> Option<Component> {
        let found = entry.read().map_err(wasmtime::Error::from).and_then(|code| {
            // SAFETY: such bytes must come from a compiler like ours. The cache vouches that this user wrote them, which means this
            // program, under a key that holds wasmtime's version and configuration, and that they are whole.
            code.map(|code| unsafe { Component::deserialize(&self.wasm, &code) }).transpose()
        });
        match found {
            Ok(Some(component)) => {
                info!(plugin, "plugin's code comes from cache");
                Some(component)
            }
            Ok(None) => None,
            Err(error) => {
                warn!(plugin, file = %entry.path().display(), error = %error, "a cached plugin cannot be used, compiling it again");
                None
            }
        }
    }
}

/// How many ticks grant at least `time`: the current one has already begun.
pub(crate) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX / 2).min(u64::MAX / 2) + 1
}

fn config(metered: bool, inlining: Inlining) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(metered)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        .cranelift_opt_level(OptLevel::Speed)
        // Epoch checks sit on calls too, so inlined calls win back a third of their price.
        .compiler_inlining(inlining)
        .max_wasm_stack(STACK_BYTES)
        .concurrency_support(false)
        // What copies between the components that a component is made of, as those of QuickJS are, sees both memories.
        .wasm_multi_memory(true)
        // Whatever plugins do not need is attack surface.
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_shorter_than_asked_for() {
        assert_eq!(ticks(Duration::from_millis(1)), 2);
        assert_eq!(ticks(Duration::from_millis(100)), 11);
        assert_eq!(ticks(Duration::MAX), u64::MAX / 2 + 1);
    }

    #[test]
    fn a_large_component_has_an_engine_that_does_not_inline() {
        let engine = Engine::new(&EngineSettings::default()).unwrap();
        let of = |bytes: usize| engine.of(&Binary { bytes: vec![0; bytes], digest: String::new() }).runtime;
        assert!(matches!(of(LARGE_BYTES - 1).inlining, Inlining::Yes));
        assert!(matches!(of(LARGE_BYTES).inlining, Inlining::No));
    }

    #[test]
    fn the_clock_stops_when_nobody_needs_it() {
        let engine = Engine::new(&EngineSettings::default()).unwrap();
        let clocks = [engine.runtime.wasm.weak(), engine.large.wasm.weak()];
        let started = Instant::now();
        drop(engine);
        while clocks.iter().any(|clock| clock.upgrade().is_some()) {
            assert!(started.elapsed() < Duration::from_secs(30), "the clock still holds the engine");
            std::thread::yield_now();
        }
    }
}
