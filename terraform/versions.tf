terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 9"
    }
  }

  # terraform init -backend-config="bucket=NAME"
  backend "gcs" {
    prefix = "carillon"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = merge({ application = "carillon" }, var.labels)
}
