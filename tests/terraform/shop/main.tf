# A network of its own by count and cidrsubnet, the default security group emptied, and a service of
# several containers, as public modules lay it out.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

variable "zones" {
  type    = number
  default = 2
}

variable "log_days" {
  type    = number
  default = 7
}

variable "level" {
  type    = string
  default = "info"
}

locals {
  tags = { Name = "shop", ManagedBy = "terraform" }
}

data "aws_availability_zones" "all" {}

data "aws_partition" "here" {}

resource "aws_vpc" "this" {
  cidr_block           = "10.40.0.0/16"
  enable_dns_hostnames = true
  tags                 = local.tags
}

# What AWS makes with the VPC is taken over and emptied.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}

resource "aws_default_route_table" "closed" {
  default_route_table_id = aws_vpc.this.default_route_table_id
  tags                   = merge(local.tags, { Name = "unused" })
}

resource "aws_subnet" "public" {
  count                   = var.zones
  vpc_id                  = aws_vpc.this.id
  cidr_block              = cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.all.names[count.index]
  map_public_ip_on_launch = true
  tags                    = local.tags
}

resource "aws_subnet" "private" {
  count             = var.zones
  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, 100 + count.index)
  availability_zone = data.aws_availability_zones.all.names[count.index]
  tags              = local.tags
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  # Inline, which the provider keeps exclusively.
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }

  tags = local.tags
}

resource "aws_route_table_association" "public" {
  count          = var.zones
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.eu-central-1.s3"
  route_table_ids = [aws_route_table.public.id]
}

resource "aws_security_group" "app" {
  name   = "shop-app"
  vpc_id = aws_vpc.this.id
}

resource "aws_security_group_rule" "within" {
  type              = "ingress"
  security_group_id = aws_security_group.app.id
  self              = true
  protocol          = "tcp"
  from_port         = 0
  to_port           = 65535
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each          = { https = 443, postgres = 5432 }
  security_group_id = aws_security_group.app.id
  description       = each.key
  cidr_ipv4         = aws_vpc.this.cidr_block
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_ecr_repository" "this" {
  for_each             = toset(["shop/app", "shop/proxy"])
  name                 = each.key
  image_tag_mutability = "IMMUTABLE"
  force_delete         = true

  encryption_configuration {
    encryption_type = "KMS"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/shop"
  retention_in_days = var.log_days
}

resource "aws_secretsmanager_secret" "token" {
  name_prefix             = "shop-"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "token" {
  secret_id     = aws_secretsmanager_secret.token.id
  secret_string = jsonencode({ token = "of the tour" })
}

resource "aws_kms_key" "this" {
  description             = "shop"
  deletion_window_in_days = 7
  enable_key_rotation     = true
}

resource "aws_kms_alias" "this" {
  name          = "alias/shop"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "Token"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.token.arn]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role" "execution" {
  name_prefix        = "shop-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_policy" "read" {
  name   = "shop-read"
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.execution.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_ecs_cluster" "this" {
  name = "shop"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = 100
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = "shop"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([
    {
      name         = "proxy"
      image        = "${aws_ecr_repository.this["shop/proxy"].repository_url}:1"
      essential    = true
      cpu          = 64
      memory       = 128
      portMappings = [{ containerPort = 8080, protocol = "tcp", name = "http" }]
      dependsOn    = [{ containerName = "app", condition = "HEALTHY" }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = "eu-central-1"
          awslogs-stream-prefix = "proxy"
        }
      }
    },
    {
      name        = "app"
      image       = "${aws_ecr_repository.this["shop/app"].repository_url}:1"
      essential   = true
      environment = [{ name = "LEVEL", value = var.level }, { name = "PORT", value = "9000" }]
      secrets     = [{ name = "TOKEN", valueFrom = "${aws_secretsmanager_secret.token.arn}:token::" }]
      healthCheck = { command = ["CMD-SHELL", "true"], interval = 10 }
      stopTimeout = 20
    },
    {
      name      = "migrate"
      image     = "${aws_ecr_repository.this["shop/app"].repository_url}:1"
      essential = false
      command   = ["migrate"]
    },
  ])
}

resource "aws_ecs_service" "this" {
  name            = "shop"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  # No image is pushed: what is tried here is the description.
  desired_count          = 0
  enable_execute_command = false
  propagate_tags         = "TASK_DEFINITION"

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.app.id]
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this]
}
