# docker build -t hubbub .
# docker run --rm -p 8080:8080 hubbub
# Settings go in as variables (-e HUBBUB_LISTEN=:9000), so that the health check sees them as well.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/hubbub .

FROM scratch
COPY --from=build /out/hubbub /hubbub
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/hubbub", "health"]
ENTRYPOINT ["/hubbub"]
