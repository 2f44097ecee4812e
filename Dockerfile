# Two images from one build: `snowgate`, the gateway with its plugins, and `sandbox`, which never runs beside real data.
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
RUN rustup target add wasm32-unknown-unknown
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo xtask plugins \
    && cargo build --locked --profile dist -p snowgate -p snowgate-sandbox \
    && mkdir -p /out/plugins /out/empty \
    && cp target/dist/snowgate target/dist/snowgate-sandbox /out/ \
    && cp target/plugins/*.wasm /out/plugins/

FROM gcr.io/distroless/cc-debian12:nonroot AS snowgate
COPY --from=build /out/snowgate /usr/bin/snowgate
COPY --from=build /out/plugins /usr/share/snowgate/plugins
# Where connectors are kept; a named volume takes its owner from here.
COPY --from=build --chown=65532:65532 --chmod=700 /out/empty /var/lib/snowgate
USER 65532:65532
ENTRYPOINT ["/usr/bin/snowgate"]
CMD ["run", "--config", "/etc/snowgate/snowgate.toml"]

FROM gcr.io/distroless/cc-debian12:nonroot AS sandbox
COPY --from=build /out/snowgate-sandbox /usr/bin/snowgate-sandbox
# A named volume takes its owner from here, so that the sandbox may write its key into it.
COPY --from=build --chown=65532:65532 --chmod=700 /out/plugins /state
VOLUME /state
USER 65532:65532
ENTRYPOINT ["/usr/bin/snowgate-sandbox"]
CMD ["run", "--dir", "/state"]
