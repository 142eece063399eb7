package reference

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	pinnedAction = regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	pinnedImage  = regexp.MustCompile(`^[^ ]+:[^ @]+@sha256:[0-9a-f]{64}( |$)`)
)

// What runs with rights in the workflows, and what images are made of, is named by what it holds: a tag may be moved.
func TestActionsAndImagesArePinned(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	workflows, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(workflows) != 4 {
		t.Fatalf("workflows = %v, %v", workflows, err)
	}
	pinned := 0
	for _, file := range append(workflows, filepath.Join(root, "infra", "Dockerfile")) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if action, ok := strings.CutPrefix(strings.TrimPrefix(line, "- "), "uses: "); ok && action != called {
				pinned++
				if !pinnedAction.MatchString(action) {
					t.Errorf("%s: %s is not pinned by a commit, with its version in a comment", file, action)
				}
			}
			for _, before := range []string{"FROM --platform=$BUILDPLATFORM ", "FROM ", "image=", "generator=", `{SBOM: "`} {
				if _, image, ok := strings.Cut(line, before); ok && !strings.HasPrefix(image, "-") &&
					!strings.HasPrefix(image, "$") {
					pinned++
					if !pinnedImage.MatchString(strings.ReplaceAll(image, `"`, " ")) {
						t.Errorf("%s: %s is not pinned by a digest", file, image)
					}
					break
				}
			}
		}
	}
	if pinned < 20 {
		t.Errorf("only %d actions and images were looked at", pinned)
	}
}

// called is the workflow of this repository that deploy.yml calls for each installation.
const called = "./.github/workflows/installation.yml"

type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Uses        string
		Environment string
		Permissions map[string]string
		Steps       []struct {
			With map[string]any
		}
	}
}

func readWorkflow(t *testing.T, name string) (w workflow) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
		t.Errorf("%s: permissions %v", name, w.Permissions)
	}
	return w
}

// Who may change the project is a job that somebody approved, and no other job may become that account.
func TestPlanReadsAndApplyIsApproved(t *testing.T) {
	t.Parallel()
	accounts := map[string]string{}
	for name, job := range readWorkflow(t, "installation.yml").Jobs {
		for _, step := range job.Steps {
			if account, ok := step.With["service_account"].(string); ok {
				accounts[name] = account
			}
		}
		deploys := strings.Contains(accounts[name], "inputs.deployer")
		approved := job.Environment == "${{ inputs.environment }}"
		if deploys != approved || !approved && job.Environment != "" {
			t.Errorf("%s is %q in the environment %q", name, accounts[name], job.Environment)
		}
		if _, asks := accounts[name]; !asks && job.Permissions["id-token"] != "" {
			t.Errorf("%s may ask for an identity that it does not use", name)
		}
	}
	if !strings.Contains(accounts["plan"], "inputs.planner") || !strings.Contains(accounts["apply"], "inputs.deployer") {
		t.Errorf("accounts %v", accounts)
	}
	for name, job := range readWorkflow(t, "deploy.yml").Jobs {
		if asks := job.Permissions["id-token"] != ""; asks != (job.Uses == called) || job.Environment != "" {
			t.Errorf("%s may ask for an identity: %v; environment %q", name, asks, job.Environment)
		}
	}
}
