package program

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"

	"rehome.dev/rehome/internal/scan"
)

// javaTakes are options of the JVM whose value is the next argument (java(1)).
var javaTakes = map[string]bool{"-cp": true, "-classpath": true, "--class-path": true, "-p": true, "--module-path": true,
	"--upgrade-module-path": true, "--add-modules": true, "--add-opens": true, "--add-exports": true, "--add-reads": true,
	"--patch-module": true, "-d": true, "--describe-module": true}

// javaFrameworks are recognised by main class or jar.
var javaFrameworks = []struct{ part, name string }{
	{"org.apache.catalina.startup", "tomcat"}, {"org.apache.tomee", "tomee"},
	{"org.eclipse.jetty", "jetty"}, {"jetty", "jetty"},
	{"jboss-modules", "wildfly"}, {"org.jboss", "wildfly"},
	{"quarkus-run", "quarkus"}, {"weblogic.", "weblogic"}, {"ws-server", "websphere"}, {"com.ibm.ws", "websphere"},
	{"glassfish", "glassfish"}, {"payara", "payara"}, {"org.springframework.boot", "spring-boot"},
	{"org.elasticsearch", "elasticsearch"}, {"kafka.Kafka", "kafka"}, {"org.apache.zookeeper", "zookeeper"},
	{"org.apache.activemq", "activemq"}, {"org.apache.cassandra", "cassandra"}, {"com.caucho", "resin"},
}

// java reads the command line of a JVM: options, then the main class or -jar.
func java(p process, k *kind) {
	clean, _ := scan.Arguments(p.argv)
	main := ""
	for i := 1; i < len(p.argv) && main == ""; i++ {
		arg := p.argv[i]
		switch {
		case arg == "-jar" && i+1 < len(p.argv):
			main = p.argv[i+1]
			k.script = p.script(main)
		case (arg == "-m" || arg == "--module") && i+1 < len(p.argv):
			main = p.argv[i+1]
		case javaTakes[arg] && i+1 < len(p.argv):
			k.options = append(k.options, clean[i], clean[i+1])
			i++
		case strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "@"):
			k.options = append(k.options, clean[i])
		default:
			main = arg
		}
	}
	for _, f := range javaFrameworks {
		if strings.Contains(filepath.Base(main), f.part) || (k.script == "" && strings.Contains(main, f.part)) {
			k.framework = f.name
			return
		}
	}
	if k.script != "" && filepath.Base(k.script) == "start.jar" && strings.Contains(strings.Join(p.argv, " "), "jetty") {
		k.framework = "jetty"
	}
}

// jar looks into an archive for the loader of Spring Boot.
func jar(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return ""
	}
	z, err := zip.NewReader(f, st.Size())
	if err != nil {
		return ""
	}
	for _, e := range z.File {
		switch {
		case strings.HasPrefix(e.Name, "org/springframework/boot/loader/"):
			return "spring-boot"
		case strings.HasPrefix(e.Name, "io/dropwizard/"):
			return "dropwizard"
		case strings.HasPrefix(e.Name, "io/micronaut/"):
			return "micronaut"
		case strings.HasPrefix(e.Name, "io/vertx/core/"):
			return "vert.x"
		}
	}
	return ""
}

// javaVersion is that of the file "release" which a JDK or JRE has beside bin.
func javaVersion(p process) string {
	home := filepath.Dir(filepath.Dir(p.exe))
	for _, dir := range []string{home, filepath.Dir(home)} { // jre/bin/java of version 8
		text := head(filepath.Join(p.root, dir, "release"), 4096)
		for line := range strings.Lines(text) {
			if v, ok := strings.CutPrefix(line, "JAVA_VERSION="); ok {
				return strings.Trim(strings.TrimSpace(v), `"`)
			}
		}
	}
	return ""
}
