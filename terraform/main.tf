# One installation, in the project that terraform.tfvars names. Another customer's is another caller of the module: see
# docs/deploy-customers.md.

module "carillon" {
  source = "./modules/carillon"

  staged           = "${path.root}/../build/functions"
  project          = var.project
  region           = var.region
  scheduler_region = var.scheduler_region
  alert_email      = var.alert_email
  alert_channels   = var.alert_channels
  operators        = var.operators
  all_users        = var.all_users
  kms_key          = var.kms_key
  log_days         = var.log_days
  budget           = var.budget
  rooms            = var.rooms
  campus           = var.campus
  exports          = var.exports
  stays            = var.stays
  school           = var.school
}
