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
	if err != nil || len(workflows) != 3 {
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
			if action, ok := strings.CutPrefix(strings.TrimPrefix(line, "- "), "uses: "); ok {
				pinned++
				if !pinnedAction.MatchString(action) {
					t.Errorf("%s: %s is not pinned by a commit, with its version in a comment", file, action)
				}
			}
			for _, before := range []string{"FROM --platform=$BUILDPLATFORM ", "FROM ", "image=", "generator=", `{SBOM: "`} {
				if _, image, ok := strings.Cut(line, before); ok && !strings.HasPrefix(image, "-") && !strings.HasPrefix(image, "$") {
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

// Who may change the project is a job that somebody approved, and no other job may become that account.
func TestPlanReadsAndApplyIsApproved(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", "deploy.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct {
			Environment string
			Permissions map[string]string
			Steps       []struct {
				With map[string]any
			}
		}
	}
	if err := yaml.Unmarshal(data, &workflow); err != nil {
		t.Fatal(err)
	}
	accounts := map[string]string{}
	for name, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if account, ok := step.With["service_account"].(string); ok {
				accounts[name] = account
			}
		}
		deploys := strings.Contains(accounts[name], "GCP_DEPLOYER")
		if approved := job.Environment == "production"; deploys != approved {
			t.Errorf("%s is %q in the environment %q", name, accounts[name], job.Environment)
		}
		if _, asks := accounts[name]; !asks && job.Permissions["id-token"] != "" {
			t.Errorf("%s may ask for an identity that it does not use", name)
		}
	}
	if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" || !strings.Contains(accounts["plan"], "GCP_PLANNER") || accounts["apply"] == "" {
		t.Errorf("permissions %v, accounts %v", workflow.Permissions, accounts)
	}
}
