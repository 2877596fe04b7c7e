//! Policies that AWS manages: those that stacks of this kind attach or look up.
//!
//! What each allows is what AWS documents, cut down to the services a region here speaks of; the
//! broad read-only ones name far more services on AWS.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Where policies of service-linked roles live: nobody may attach them.
pub(super) const SERVICE_LINKED: &str = "/aws-service-role/";

/// 2015-02-06T18:40:00Z, when AWS introduced managed policies.
const CREATED_AT: i64 = 1_423_248_000;

#[derive(Debug)]
pub(super) struct AwsManaged {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) description: &'static str,
    pub(super) document: &'static str,
}

impl AwsManaged {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// Always the same for a policy, but not AWS's own.
    pub(super) fn id(&self) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let digest = Sha256::digest(self.name.as_bytes());
        let tail = digest
            .iter()
            .take(17)
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        format!("ANPA{}", tail.collect::<String>())
    }
}

pub(super) fn created_at() -> Timestamp {
    Timestamp::from_second(CREATED_AT).expect("it is a moment in 2015")
}

pub(super) fn all() -> impl Iterator<Item = &'static AwsManaged> {
    POLICIES.iter()
}

pub(super) fn by_arn(arn: &str) -> Option<&'static AwsManaged> {
    let name = arn
        .strip_prefix("arn:aws:iam::aws:policy/")?
        .rsplit('/')
        .next()?;
    all().find(|policy| policy.name == name && policy.arn() == arn)
}

#[rustfmt::skip]
static POLICIES: &[AwsManaged] = &[
    AwsManaged {
        name: "AWSApplicationAutoscalingECSServicePolicy",
        path: SERVICE_LINKED,
        description: "Policy granting permissions to Application Auto Scaling to access Elastic Container Service and CloudWatch.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecs:DescribeServices","ecs:UpdateService","cloudwatch:PutMetricAlarm","cloudwatch:DescribeAlarms","cloudwatch:DeleteAlarms","cloudwatch:GetMetricData"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AWSApplicationAutoscalingRDSClusterPolicy",
        path: SERVICE_LINKED,
        description: "Policy granting permissions to Application Auto Scaling to access RDS Clusters and CloudWatch.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds:AddTagsToResource","rds:CreateDBInstance","rds:DeleteDBInstance","rds:DescribeDBClusters","rds:DescribeDBInstances","rds:ModifyDBCluster","cloudwatch:PutMetricAlarm","cloudwatch:DescribeAlarms","cloudwatch:DeleteAlarms"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AWSCertificateManagerFullAccess",
        path: "/",
        description: "Provides full access to AWS Certificate Manager (ACM)",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["acm:*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AWSElasticLoadBalancingServiceRolePolicy",
        path: SERVICE_LINKED,
        description: "Service Linked Role Policy for AWS Elastic Load Balancing Control Plane - Classic, ALB, NLB, GWLB",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:AllocateAddress","ec2:AssignIpv6Addresses","ec2:AssignPrivateIpAddresses","ec2:AssociateAddress","ec2:AttachNetworkInterface","ec2:AuthorizeSecurityGroupIngress","ec2:CreateNetworkInterface","ec2:CreateSecurityGroup","ec2:DeleteNetworkInterface","ec2:Describe*","ec2:DisassociateAddress","ec2:ModifyNetworkInterfaceAttribute","ec2:ReleaseAddress","ec2:UnassignIpv6Addresses","logs:CreateLogDelivery","logs:DeleteLogDelivery","logs:GetLogDelivery","logs:ListLogDeliveries","logs:UpdateLogDelivery","outposts:GetOutpostInstanceTypes"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AWSLambdaBasicExecutionRole",
        path: "/service-role/",
        description: "Provides write permissions to CloudWatch Logs.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AWSLambdaVPCAccessExecutionRole",
        path: "/service-role/",
        description: "Provides minimum permissions for a Lambda function to execute while accessing a resource within a VPC - create, describe, delete network interfaces and write permissions to CloudWatch Logs.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","ec2:CreateNetworkInterface","ec2:DescribeNetworkInterfaces","ec2:DescribeSubnets","ec2:DeleteNetworkInterface","ec2:AssignPrivateIpAddresses","ec2:UnassignPrivateIpAddresses"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AWSXRayDaemonWriteAccess",
        path: "/",
        description: "Allow the AWS X-Ray Daemon to relay raw trace segments data to the service's API and retrieve sampling data (rules, targets, etc.) to be used by the X-Ray SDK.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["xray:PutTraceSegments","xray:PutTelemetryRecords","xray:GetSamplingRules","xray:GetSamplingTargets","xray:GetSamplingStatisticSummaries"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AdministratorAccess",
        path: "/",
        description: "Provides full access to AWS services and resources.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerRegistryFullAccess",
        path: "/",
        description: "Provides administrative access to Amazon ECR resources",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:*","cloudtrail:LookupEvents"],"Resource":"*"},{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":["replication.ecr.amazonaws.com"]}}}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerRegistryPowerUser",
        path: "/",
        description: "Provides full access to Amazon EC2 Container Registry repositories, but does not allow repository deletion or policy changes.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy","ecr:GetLifecyclePolicyPreview","ecr:ListTagsForResource","ecr:DescribeImageScanFindings","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerRegistryPullOnly",
        path: "/",
        description: "Provides access to pull images from Amazon EC2 Container Registry repositories.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerRegistryReadOnly",
        path: "/",
        description: "Provides read-only access to Amazon EC2 Container Registry repositories.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy","ecr:GetLifecyclePolicyPreview","ecr:ListTagsForResource","ecr:DescribeImageScanFindings"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerServiceAutoscaleRole",
        path: "/service-role/",
        description: "Policy to enable Task Autoscaling for Amazon EC2 Container Service",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecs:DescribeServices","ecs:UpdateService"],"Resource":"*"},{"Effect":"Allow","Action":["cloudwatch:DescribeAlarms","cloudwatch:PutMetricAlarm"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerServiceRole",
        path: "/service-role/",
        description: "Default policy for Amazon ECS service role.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:AuthorizeSecurityGroupIngress","ec2:Describe*","elasticloadbalancing:DeregisterInstancesFromLoadBalancer","elasticloadbalancing:DeregisterTargets","elasticloadbalancing:Describe*","elasticloadbalancing:RegisterInstancesWithLoadBalancer","elasticloadbalancing:RegisterTargets"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ContainerServiceforEC2Role",
        path: "/service-role/",
        description: "Default policy for the Amazon EC2 Role for Amazon EC2 Container Service.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeTags","ecs:CreateCluster","ecs:DeregisterContainerInstance","ecs:DiscoverPollEndpoint","ecs:Poll","ecs:RegisterContainerInstance","ecs:StartTelemetrySession","ecs:UpdateContainerInstancesState","ecs:Submit*","ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"},{"Effect":"Allow","Action":"ecs:TagResource","Resource":"*","Condition":{"StringEquals":{"ecs:CreateAction":["CreateCluster","RegisterContainerInstance"]}}}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2FullAccess",
        path: "/",
        description: "Provides full access to Amazon EC2 via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*","elasticloadbalancing:*","cloudwatch:*","autoscaling:*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonEC2ReadOnlyAccess",
        path: "/",
        description: "Provides read only access to Amazon EC2 via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","ec2:GetSecurityGroupsForVpc","elasticloadbalancing:Describe*","cloudwatch:ListMetrics","cloudwatch:GetMetricStatistics","cloudwatch:Describe*","autoscaling:Describe*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonECSInfrastructureRolePolicyForLoadBalancers",
        path: "/",
        description: "Provides access to other AWS service resources required to manage load balancers associated with ECS workloads on your behalf.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticloadbalancing:DescribeListeners","elasticloadbalancing:DescribeRules","elasticloadbalancing:DescribeTargetGroups","elasticloadbalancing:DescribeTargetHealth","elasticloadbalancing:ModifyListener","elasticloadbalancing:ModifyRule","elasticloadbalancing:RegisterTargets","elasticloadbalancing:DeregisterTargets"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonECSServiceRolePolicy",
        path: SERVICE_LINKED,
        description: "Policy to enable Amazon ECS to manage your cluster.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:AttachNetworkInterface","ec2:CreateNetworkInterface","ec2:CreateNetworkInterfacePermission","ec2:DeleteNetworkInterface","ec2:DeleteNetworkInterfacePermission","ec2:Describe*","ec2:DetachNetworkInterface","elasticloadbalancing:DeregisterInstancesFromLoadBalancer","elasticloadbalancing:DeregisterTargets","elasticloadbalancing:Describe*","elasticloadbalancing:RegisterInstancesWithLoadBalancer","elasticloadbalancing:RegisterTargets","route53:ChangeResourceRecordSets","route53:Get*","route53:List*","servicediscovery:Get*","servicediscovery:List*","servicediscovery:RegisterInstance","servicediscovery:DeregisterInstance","autoscaling:Describe*","cloudwatch:DeleteAlarms","cloudwatch:DescribeAlarms","cloudwatch:PutMetricAlarm"],"Resource":"*"},{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:DescribeLogGroups","logs:PutRetentionPolicy"],"Resource":"arn:aws:logs:*:*:log-group:/aws/ecs/*"},{"Effect":"Allow","Action":["logs:CreateLogStream","logs:DescribeLogStreams","logs:PutLogEvents"],"Resource":"arn:aws:logs:*:*:log-group:/aws/ecs/*:log-stream:*"}]}"#,
    },
    AwsManaged {
        name: "AmazonECSTaskExecutionRolePolicy",
        path: "/service-role/",
        description: "Provides access to other AWS service resources that are required to run Amazon ECS tasks",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonECS_FullAccess",
        path: "/",
        description: "Provides administrative access to Amazon ECS resources and enables ECS features through access to other AWS service resources, including VPCs, Auto Scaling groups, and CloudFormation stacks.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["application-autoscaling:*","autoscaling:CreateAutoScalingGroup","autoscaling:DeleteAutoScalingGroup","autoscaling:Describe*","autoscaling:UpdateAutoScalingGroup","cloudwatch:DeleteAlarms","cloudwatch:DescribeAlarms","cloudwatch:GetMetricStatistics","cloudwatch:PutMetricAlarm","ec2:Describe*","ec2:CreateSecurityGroup","ec2:CreateSubnet","ec2:CreateVpc","ecs:*","elasticloadbalancing:*","iam:ListAttachedRolePolicies","iam:ListInstanceProfiles","iam:ListRoles","logs:CreateLogGroup","logs:DescribeLogGroups","logs:FilterLogEvents","route53:GetHostedZone","route53:ListHostedZonesByName","servicediscovery:*"],"Resource":"*"},{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringLike":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}}},{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringLike":{"iam:AWSServiceName":["ecs.amazonaws.com","autoscaling.amazonaws.com","ecs.application-autoscaling.amazonaws.com","elasticloadbalancing.amazonaws.com"]}}}]}"#,
    },
    AwsManaged {
        name: "AmazonElastiCacheFullAccess",
        path: "/",
        description: "Provides full access to Amazon ElastiCache via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticache:*","ec2:DescribeVpcs","ec2:DescribeSubnets","ec2:DescribeSecurityGroups","cloudwatch:GetMetricStatistics"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonRDSEnhancedMonitoringRole",
        path: "/service-role/",
        description: "Provides access to Cloudwatch for RDS Enhanced Monitoring",
        document: r#"{"Version":"2012-10-17","Statement":[{"Sid":"EnableCreationAndManagementOfRDSCloudwatchLogGroups","Effect":"Allow","Action":["logs:CreateLogGroup","logs:PutRetentionPolicy"],"Resource":["arn:aws:logs:*:*:log-group:RDS*"]},{"Sid":"EnableCreationAndManagementOfRDSCloudwatchLogStreams","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogStreams","logs:GetLogEvents"],"Resource":["arn:aws:logs:*:*:log-group:RDS*:log-stream:*"]}]}"#,
    },
    AwsManaged {
        name: "AmazonRDSFullAccess",
        path: "/",
        description: "Provides full access to Amazon RDS via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds:*","application-autoscaling:*","cloudwatch:DescribeAlarms","cloudwatch:GetMetricStatistics","cloudwatch:PutMetricAlarm","ec2:DescribeAccountAttributes","ec2:DescribeAvailabilityZones","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVpcs","logs:DescribeLogStreams","logs:GetLogEvents","sns:ListSubscriptions","sns:ListTopics","sns:Publish"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonRDSReadOnlyAccess",
        path: "/",
        description: "Provides read only access to Amazon RDS via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds:Describe*","rds:ListTagsForResource","ec2:DescribeAccountAttributes","ec2:DescribeAvailabilityZones","ec2:DescribeSecurityGroups","ec2:DescribeVpcs","cloudwatch:GetMetricStatistics","cloudwatch:GetMetricData","logs:DescribeLogStreams","logs:GetLogEvents"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonRDSServiceRolePolicy",
        path: SERVICE_LINKED,
        description: "Allows Amazon RDS to manage AWS resources on your behalf",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["rds:CrossRegionCommunication","ec2:AllocateAddress","ec2:AssociateAddress","ec2:AuthorizeSecurityGroupIngress","ec2:CreateCoipPoolPermission","ec2:CreateNetworkInterface","ec2:CreateSecurityGroup","ec2:DeleteNetworkInterface","ec2:DeleteSecurityGroup","ec2:Describe*","ec2:DisassociateAddress","ec2:ModifyNetworkInterfaceAttribute","ec2:ModifyVpcEndpoint","ec2:ReleaseAddress","ec2:RevokeSecurityGroupIngress","ec2:CreateVpcEndpoint","ec2:DeleteVpcEndpoints","ec2:AssignPrivateIpAddresses","ec2:UnassignPrivateIpAddresses"],"Resource":"*"},{"Effect":"Allow","Action":["logs:CreateLogGroup"],"Resource":["arn:aws:logs:*:*:log-group:/aws/rds/*","arn:aws:logs:*:*:log-group:/aws/docdb/*","arn:aws:logs:*:*:log-group:/aws/neptune/*"]},{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogStreams"],"Resource":["arn:aws:logs:*:*:log-group:/aws/rds/*:log-stream:*"]},{"Effect":"Allow","Action":["cloudwatch:PutMetricData"],"Resource":"*","Condition":{"StringEquals":{"cloudwatch:namespace":["AWS/DocDB","AWS/Neptune","AWS/RDS","AWS/Usage"]}}},{"Effect":"Allow","Action":"secretsmanager:GetRandomPassword","Resource":"*"},{"Effect":"Allow","Action":["secretsmanager:DeleteSecret","secretsmanager:DescribeSecret","secretsmanager:PutSecretValue","secretsmanager:RotateSecret","secretsmanager:UpdateSecret","secretsmanager:UpdateSecretVersionStage","secretsmanager:ListSecretVersionIds"],"Resource":"arn:aws:secretsmanager:*:*:secret:rds!*","Condition":{"StringLike":{"secretsmanager:ResourceTag/aws:secretsmanager:owningService":"rds"}}}]}"#,
    },
    AwsManaged {
        name: "AmazonRoute53FullAccess",
        path: "/",
        description: "Provides full access to all Amazon Route 53 via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["route53:*","route53domains:*","cloudfront:ListDistributions","elasticloadbalancing:DescribeLoadBalancers","s3:ListBucket","s3:GetBucketLocation","s3:GetBucketWebsite","ec2:DescribeVpcs","ec2:DescribeRegions","sns:ListTopics","cloudwatch:DescribeAlarms","cloudwatch:GetMetricStatistics"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonRoute53ReadOnlyAccess",
        path: "/",
        description: "Provides read only access to all Amazon Route 53 via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["route53:Get*","route53:List*","route53:TestDNSAnswer"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonS3FullAccess",
        path: "/",
        description: "Provides full access to all buckets via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonS3ReadOnlyAccess",
        path: "/",
        description: "Provides read only access to all buckets via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonSNSFullAccess",
        path: "/",
        description: "Provides full access to Amazon SNS via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sns:*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonSNSReadOnlyAccess",
        path: "/",
        description: "Provides read only access to Amazon SNS via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sns:GetTopicAttributes","sns:List*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonSSMManagedInstanceCore",
        path: "/",
        description: "The policy for Amazon EC2 Role to enable AWS Systems Manager service core functionality.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:DescribeAssociation","ssm:GetDeployablePatchSnapshotForInstance","ssm:GetDocument","ssm:DescribeDocument","ssm:GetManifest","ssm:GetParameter","ssm:GetParameters","ssm:ListAssociations","ssm:ListInstanceAssociations","ssm:PutInventory","ssm:PutComplianceItems","ssm:PutConfigurePackageResult","ssm:UpdateAssociationStatus","ssm:UpdateInstanceAssociationStatus","ssm:UpdateInstanceInformation"],"Resource":"*"},{"Effect":"Allow","Action":["ssmmessages:CreateControlChannel","ssmmessages:CreateDataChannel","ssmmessages:OpenControlChannel","ssmmessages:OpenDataChannel"],"Resource":"*"},{"Effect":"Allow","Action":["ec2messages:AcknowledgeMessage","ec2messages:DeleteMessage","ec2messages:FailMessage","ec2messages:GetEndpoint","ec2messages:GetMessages","ec2messages:SendReply"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonVPCFullAccess",
        path: "/",
        description: "Provides full access to Amazon VPC via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*Vpc*","ec2:*Subnet*","ec2:*Route*","ec2:*InternetGateway*","ec2:*NatGateway*","ec2:*SecurityGroup*","ec2:*NetworkAcl*","ec2:*NetworkInterface*","ec2:*Address*","ec2:*FlowLogs","ec2:CreateTags","ec2:DeleteTags","ec2:Describe*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AmazonVPCReadOnlyAccess",
        path: "/",
        description: "Provides read only access to Amazon VPC via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeAccountAttributes","ec2:DescribeAddresses","ec2:DescribeFlowLogs","ec2:DescribeInternetGateways","ec2:DescribeNatGateways","ec2:DescribeNetworkAcls","ec2:DescribeNetworkInterfaces","ec2:DescribePrefixLists","ec2:DescribeRouteTables","ec2:DescribeSecurityGroup*","ec2:DescribeSubnets","ec2:DescribeTags","ec2:DescribeVpc*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "AutoScalingServiceRolePolicy",
        path: SERVICE_LINKED,
        description: "Default policy for the service-linked role of Auto Scaling.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","ec2:RunInstances","ec2:TerminateInstances","ec2:CreateTags","elasticloadbalancing:Register*","elasticloadbalancing:Deregister*","elasticloadbalancing:Describe*","cloudwatch:DeleteAlarms","cloudwatch:DescribeAlarms","cloudwatch:PutMetricAlarm","sns:Publish"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "Billing",
        path: "/job-function/",
        description: "Grants permissions for billing and cost management. This includes viewing account usage and viewing and modifying budgets and payment methods.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["account:GetAccountInformation","billing:*","budgets:*","ce:*","cur:*","payments:*","purchase-orders:*","tax:*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "CloudWatchAgentServerPolicy",
        path: "/",
        description: "Permissions required to use AmazonCloudWatchAgent on servers",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:PutMetricData","ec2:DescribeVolumes","ec2:DescribeTags","logs:PutLogEvents","logs:PutRetentionPolicy","logs:DescribeLogStreams","logs:DescribeLogGroups","logs:CreateLogStream","logs:CreateLogGroup","xray:PutTraceSegments","xray:PutTelemetryRecords","xray:GetSamplingRules","xray:GetSamplingTargets","xray:GetSamplingStatisticSummaries"],"Resource":"*"},{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:*:*:parameter/AmazonCloudWatch-*"}]}"#,
    },
    AwsManaged {
        name: "CloudWatchFullAccess",
        path: "/",
        description: "Provides full access to CloudWatch.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["autoscaling:Describe*","cloudwatch:*","logs:*","sns:*","iam:GetPolicy","iam:GetPolicyVersion","iam:GetRole"],"Resource":"*"},{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"arn:aws:iam::*:role/aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents*","Condition":{"StringLike":{"iam:AWSServiceName":"events.amazonaws.com"}}}]}"#,
    },
    AwsManaged {
        name: "CloudWatchLogsFullAccess",
        path: "/",
        description: "Provides full access to CloudWatch Logs",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:*","cloudwatch:GenerateQuery"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "CloudWatchLogsReadOnlyAccess",
        path: "/",
        description: "Provides read only access to CloudWatch Logs",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:Describe*","logs:Get*","logs:List*","logs:StartQuery","logs:StopQuery","logs:TestMetricFilter","logs:FilterLogEvents","cloudwatch:GenerateQuery"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "CloudWatchReadOnlyAccess",
        path: "/",
        description: "Provides read only access to CloudWatch.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["application-autoscaling:DescribeScalingPolicies","autoscaling:Describe*","cloudwatch:BatchGet*","cloudwatch:Describe*","cloudwatch:GenerateQuery","cloudwatch:Get*","cloudwatch:List*","logs:Get*","logs:List*","logs:StartQuery","logs:StopQuery","logs:Describe*","logs:TestMetricFilter","logs:FilterLogEvents","sns:Get*","sns:List*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "DatabaseAdministrator",
        path: "/job-function/",
        description: "Grants full access permissions to AWS services and actions required to set up and configure AWS database services.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:DeleteAlarms","cloudwatch:Describe*","cloudwatch:DisableAlarmActions","cloudwatch:EnableAlarmActions","cloudwatch:Get*","cloudwatch:List*","cloudwatch:PutMetricAlarm","dynamodb:*","ec2:DescribeAccountAttributes","ec2:DescribeAvailabilityZones","ec2:DescribeInternetGateways","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVpcs","elasticache:*","iam:ListRoles","iam:GetRole","kms:ListKeys","logs:DescribeLogGroups","logs:DescribeLogStreams","logs:FilterLogEvents","logs:GetLogEvents","rds:*","redshift:*","s3:CreateBucket","sns:CreateTopic","sns:DeleteTopic","sns:Get*","sns:List*","sns:SetTopicAttributes","sns:Subscribe","sns:Unsubscribe"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "ECRReplicationServiceRolePolicy",
        path: SERVICE_LINKED,
        description: "Enables access to AWS Services and Resources used or managed by ECR Replication",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "ElastiCacheServiceRolePolicy",
        path: SERVICE_LINKED,
        description: "This policy allows ElastiCache to manage AWS resources on your behalf as necessary for managing your cache.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:AuthorizeSecurityGroupIngress","ec2:CreateNetworkInterface","ec2:CreateSecurityGroup","ec2:DeleteNetworkInterface","ec2:DeleteSecurityGroup","ec2:Describe*","ec2:ModifyNetworkInterfaceAttribute","ec2:RevokeSecurityGroupIngress","cloudwatch:PutMetricData","outposts:*OutpostInstanceTypes"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "ElasticLoadBalancingFullAccess",
        path: "/",
        description: "Provides full access to Amazon ElasticLoadBalancing, and limited access to other services necessary to provide ElasticLoadBalancing features.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticloadbalancing:*","ec2:DescribeAccountAttributes","ec2:DescribeAddresses","ec2:DescribeInternetGateways","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVpcs","ec2:DescribeInstances","ec2:DescribeNetworkInterfaces"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "ElasticLoadBalancingReadOnly",
        path: "/",
        description: "Provides read only access to Amazon ElasticLoadBalancing and dependent services",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticloadbalancing:Describe*","ec2:DescribeInstances","ec2:DescribeSecurityGroups"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "IAMFullAccess",
        path: "/",
        description: "Provides full access to IAM via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:*","organizations:DescribeAccount","organizations:DescribeOrganization","organizations:ListPolicies"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "IAMReadOnlyAccess",
        path: "/",
        description: "Provides read only access to IAM via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GenerateCredentialReport","iam:GenerateServiceLastAccessedDetails","iam:Get*","iam:List*","iam:SimulateCustomPolicy","iam:SimulatePrincipalPolicy"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "NetworkAdministrator",
        path: "/job-function/",
        description: "Grants full access permissions to AWS services and actions required to set up and configure AWS network resources.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["acm:ListCertificates","autoscaling:Describe*","cloudfront:ListDistributions","cloudwatch:DescribeAlarms","cloudwatch:GetMetricStatistics","cloudwatch:PutMetricAlarm","ec2:*Vpc*","ec2:*Subnet*","ec2:*Route*","ec2:*Gateway*","ec2:*SecurityGroup*","ec2:*NetworkAcl*","ec2:*NetworkInterface*","ec2:*Address*","ec2:*FlowLogs","ec2:CreateTags","ec2:DeleteTags","ec2:Describe*","elasticloadbalancing:*","logs:DescribeLogGroups","logs:DescribeLogStreams","logs:GetLogEvents","route53:*","sns:ListTopics"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "PowerUserAccess",
        path: "/",
        description: "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},{"Effect":"Allow","Action":["account:GetAccountInformation","account:GetPrimaryEmail","account:ListRegions","iam:CreateServiceLinkedRole","iam:DeleteServiceLinkedRole","iam:ListRoles","organizations:DescribeOrganization"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "ReadOnlyAccess",
        path: "/",
        description: "Provides read-only access to AWS services and resources.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["acm:Describe*","acm:Get*","acm:List*","application-autoscaling:Describe*","application-autoscaling:Get*","application-autoscaling:List*","autoscaling:Describe*","autoscaling:Get*","autoscaling:List*","cloudfront:Describe*","cloudfront:Get*","cloudfront:List*","cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","dynamodb:Describe*","dynamodb:Get*","dynamodb:List*","ec2:Describe*","ec2:Get*","ec2:List*","ecr:Describe*","ecr:Get*","ecr:List*","ecs:Describe*","ecs:Get*","ecs:List*","eks:Describe*","eks:Get*","eks:List*","elasticache:Describe*","elasticache:Get*","elasticache:List*","elasticloadbalancing:Describe*","elasticloadbalancing:Get*","elasticloadbalancing:List*","events:Describe*","events:Get*","events:List*","kms:Describe*","kms:Get*","kms:List*","lambda:Describe*","lambda:Get*","lambda:List*","logs:Describe*","logs:Get*","logs:List*","organizations:Describe*","organizations:Get*","organizations:List*","rds:Describe*","rds:Get*","rds:List*","route53:Describe*","route53:Get*","route53:List*","s3:Describe*","s3:Get*","s3:List*","servicequotas:Describe*","servicequotas:Get*","servicequotas:List*","sns:Describe*","sns:Get*","sns:List*","sqs:Describe*","sqs:Get*","sqs:List*","ssm:Describe*","ssm:List*","states:Describe*","states:Get*","states:List*","tag:Describe*","tag:Get*","tag:List*","wafv2:Describe*","wafv2:Get*","wafv2:List*","xray:Describe*","xray:Get*","xray:List*","iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","secretsmanager:Describe*","secretsmanager:GetResourcePolicy","secretsmanager:List*","ecr:BatchCheck*","ecr:BatchGet*","logs:FilterLogEvents","logs:StartQuery","logs:StopQuery","logs:TestMetricFilter","rds:Download*","route53:Test*","sns:Check*","sts:GetAccessKeyInfo","sts:GetCallerIdentity","sts:GetSessionToken","ssm:Get*"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "SecretsManagerReadWrite",
        path: "/",
        description: "Provides read/write access to AWS Secrets Manager via the AWS Management Console.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:*","cloudformation:CreateChangeSet","cloudformation:DescribeChangeSet","cloudformation:DescribeStackResource","cloudformation:DescribeStacks","cloudformation:ExecuteChangeSet","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVpcs","kms:DescribeKey","kms:ListAliases","kms:ListKeys","lambda:ListFunctions","rds:DescribeDBClusters","rds:DescribeDBInstances","tag:GetResources"],"Resource":"*"},{"Effect":"Allow","Action":["lambda:AddPermission","lambda:CreateFunction","lambda:GetFunction","lambda:InvokeFunction","lambda:UpdateFunctionConfiguration"],"Resource":"arn:aws:lambda:*:*:function:SecretsManager*"}]}"#,
    },
    AwsManaged {
        name: "SecurityAudit",
        path: "/",
        description: "The security audit template grants access to read security configuration metadata.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["acm:Describe*","acm:List*","application-autoscaling:Describe*","application-autoscaling:List*","autoscaling:Describe*","autoscaling:List*","cloudfront:Describe*","cloudfront:List*","cloudwatch:Describe*","cloudwatch:List*","dynamodb:Describe*","dynamodb:List*","ec2:Describe*","ec2:List*","ecr:Describe*","ecr:List*","ecs:Describe*","ecs:List*","eks:Describe*","eks:List*","elasticache:Describe*","elasticache:List*","elasticloadbalancing:Describe*","elasticloadbalancing:List*","events:Describe*","events:List*","kms:Describe*","kms:List*","lambda:Describe*","lambda:List*","logs:Describe*","logs:List*","organizations:Describe*","organizations:List*","rds:Describe*","rds:List*","route53:Describe*","route53:List*","s3:Describe*","s3:List*","servicequotas:Describe*","servicequotas:List*","sns:Describe*","sns:List*","sqs:Describe*","sqs:List*","ssm:Describe*","ssm:List*","states:Describe*","states:List*","tag:Describe*","tag:List*","wafv2:Describe*","wafv2:List*","xray:Describe*","xray:List*","iam:List*","iam:Get*","iam:GenerateCredentialReport","iam:SimulateCustomPolicy","iam:SimulatePrincipalPolicy","kms:GetKeyPolicy","kms:GetKeyRotationStatus","s3:GetBucket*","s3:GetEncryptionConfiguration","secretsmanager:DescribeSecret","secretsmanager:GetResourcePolicy","secretsmanager:ListSecrets","secretsmanager:ListSecretVersionIds"],"Resource":"*"}]}"#,
    },
    AwsManaged {
        name: "ViewOnlyAccess",
        path: "/job-function/",
        description: "This policy grants permissions to view resources and basic metadata across all AWS services.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["acm:List*","application-autoscaling:List*","autoscaling:List*","cloudfront:List*","cloudwatch:List*","dynamodb:List*","ecr:List*","ecs:List*","elasticache:List*","events:List*","iam:List*","kms:List*","lambda:List*","organizations:List*","rds:List*","route53:List*","secretsmanager:List*","sns:List*","sqs:List*","ssm:List*","acm:DescribeCertificate","application-autoscaling:Describe*","autoscaling:Describe*","cloudwatch:Describe*","cloudwatch:Get*","ec2:Describe*","ecr:DescribeRepositories","ecs:Describe*","elasticache:Describe*","elasticloadbalancing:Describe*","iam:GetAccountSummary","iam:GetLoginProfile","logs:Describe*","rds:Describe*","route53:Get*","s3:ListAllMyBuckets","s3:ListBucket"],"Resource":"*"}]}"#,
    },
];

#[cfg(test)]
mod tests {
    use super::super::policy;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_policy_is_one_and_is_found_by_its_arn() {
        let mut ids = BTreeSet::new();
        for one in all() {
            assert!(policy::identity(one.document).is_ok(), "{}", one.name);
            assert!(by_arn(&one.arn()).is_some_and(|found| found.name == one.name));
            assert!(ids.insert(one.id()), "{} shares its id", one.name);
        }
        assert!(by_arn("arn:aws:iam::aws:policy/AmazonECSTaskExecutionRolePolicy").is_none());
        assert!(
            by_arn("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
                .is_some()
        );
    }
}
